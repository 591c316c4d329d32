sluice_test(redelivery unit 60 redelivery_test.cc LIBS sluice_drivers sluice_core sluice_failpoint_none)
sluice_test(gate_connection unit 120 gate_connection_test.cc LIBS sluice_drivers sluice_core sluice_failpoint_none)
sluice_test(certificate unit 30 certificate_test.cc LIBS sluice_drivers sluice_core sluice_failpoint_none OpenSSL::Crypto)
