from . import care_demo
from . import care_promise_demo
from . import care_remedy_demo
from . import care_cause_demo
from . import care_door_demo
from . import care_register_demo
