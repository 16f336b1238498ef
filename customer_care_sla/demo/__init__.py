from . import care_demo
from . import care_report_demo
