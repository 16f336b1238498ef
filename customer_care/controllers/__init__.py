from . import portal
from . import guide
from . import filing
from . import remedy
from . import coverage
from . import out
