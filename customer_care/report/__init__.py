from . import report_standards_book
