from . import rate
from . import stop
