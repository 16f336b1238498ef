from . import portal
from . import guide
from . import out
