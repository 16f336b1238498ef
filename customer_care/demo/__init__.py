from . import care_demo
from . import care_promise_demo
from . import care_register_demo
