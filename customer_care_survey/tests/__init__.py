from . import test_answer
from . import test_invitation
from . import test_security
from . import test_confidential
from . import test_merge
