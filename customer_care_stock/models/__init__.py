from . import care_coverage
from . import care_journey
from . import care_policy
from . import care_retry
from . import care_rule_mixin
from . import care_stage
from . import care_remedy
from . import stock_picking
