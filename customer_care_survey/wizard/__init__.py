from . import care_audit_objection
