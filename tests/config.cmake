sluice_test(config unit 120 config_test.cc LIBS sluice_config sluice_core sluice_failpoint_none nlohmann_json::nlohmann_json)
target_compile_definitions(config_test PRIVATE SLUICE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
sluice_test(config_change unit 60 config_change_test.cc LIBS sluice_config sluice_core sluice_failpoint_none nlohmann_json::nlohmann_json)
sluice_test(config_keys unit 60 config_keys_test.cc LIBS sluice_config sluice_core nlohmann_json::nlohmann_json)
sluice_test(rules_config unit 60 rules_config_test.cc LIBS sluice_config sluice_core sluice_failpoint_none nlohmann_json::nlohmann_json)
# The published schema, as an editor applies it, to the published examples.
add_test(NAME config_schema COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/schema_check.py)
set_tests_properties(config_schema PROPERTIES LABELS unit TIMEOUT 60)
# The README tells the keys as the schema does.
add_test(NAME readme_keys COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/readme_keys.py $<TARGET_FILE:sluice>)
set_tests_properties(readme_keys PROPERTIES LABELS unit TIMEOUT 60)
