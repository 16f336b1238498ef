from . import care_audit_objection
from . import care_service_matrix
