from . import care_check_waiver
from . import care_standard_feedback
from . import care_case_merge
from . import care_period_report
from . import care_quick_entry
from . import partner_merge
