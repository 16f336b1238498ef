from . import portal
from . import guide
