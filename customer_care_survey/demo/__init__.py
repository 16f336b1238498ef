from . import care_demo
from . import care_results_demo
from . import care_audit_demo
