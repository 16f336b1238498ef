from . import care_demo
from . import care_results_demo
from . import care_audit_demo
from . import care_staff_demo
from . import care_certification_demo
from . import care_goal_demo
