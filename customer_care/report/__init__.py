from . import report_standards_book
from . import report_case_file
from . import report_period
