sluice_test(outbox unit 900 outbox_test.cc fault_vfs.cc LIBS sluice_store sluice_core sluice_failpoint_none PkgConfig::SQLITE)
sluice_test(outbox_model unit 900 outbox_model_test.cc fault_vfs.cc LIBS sluice_store sluice_core sluice_failpoint_none PkgConfig::SQLITE)
sluice_test(rule_records unit 300 rule_records_test.cc fault_vfs.cc LIBS sluice_store sluice_core sluice_failpoint_none PkgConfig::SQLITE)
