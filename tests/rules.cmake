sluice_test(rules unit 900 rules_test.cc LIBS sluice_core sluice_failpoint_none nlohmann_json::nlohmann_json)
sluice_test(rule_time unit 200 rule_time_test.cc LIBS sluice_core sluice_config sluice_failpoint_none nlohmann_json::nlohmann_json)

# Scenarios run rules on virtual time (gateway/rule_scenario.h). What they promise is in their `description`.
file(GLOB RULE_SCENARIOS CONFIGURE_DEPENDS scenarios/*.json)
file(GLOB RULE_STORIES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/config/examples/rules/*.scenario.json)
file(GLOB RULE_EXAMPLES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/config/examples/rules/*.json)
list(REMOVE_ITEM RULE_EXAMPLES ${RULE_STORIES})

add_test(NAME rules_scenarios COMMAND sluice rules test ${RULE_SCENARIOS})
add_test(NAME rules_gallery COMMAND sluice rules test ${RULE_STORIES})
add_test(NAME rules_gallery_check COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/gallery_check.py $<TARGET_FILE:sluice> ${RULE_EXAMPLES})
add_test(NAME rules_test_verdict COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/rules_test_verdict.py $<TARGET_FILE:sluice>)
set_tests_properties(rules_scenarios rules_gallery rules_gallery_check rules_test_verdict PROPERTIES LABELS unit TIMEOUT 400)
