from . import care_followup
from . import care_journey
from . import care_journey_type
from . import care_policy
from . import care_rule_mixin
from . import care_stage
from . import crm_lead
