from . import care_demo
from . import care_audit_demo
