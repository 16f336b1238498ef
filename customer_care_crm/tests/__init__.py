from . import test_followup
from . import test_install
from . import test_opportunity
from . import test_security
from . import test_promise
