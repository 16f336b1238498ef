from . import test_care_worktime
from . import test_case
from . import test_followup
from . import test_journey
from . import test_portal
from . import test_rules
from . import test_security
from . import test_worktime
