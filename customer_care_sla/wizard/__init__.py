from . import care_sla_setup
