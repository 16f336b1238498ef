from . import test_delivery
from . import test_install
from . import test_return
from . import test_remedy
from . import test_coverage
