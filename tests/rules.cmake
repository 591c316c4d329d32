sluice_test(rules unit 400 rules_test.cc LIBS sluice_core sluice_failpoint_none nlohmann_json::nlohmann_json)
sluice_test(rule_time unit 60 rule_time_test.cc LIBS sluice_core sluice_config sluice_failpoint_none)

