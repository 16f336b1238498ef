from . import care_sla_setup
from . import partner_merge
