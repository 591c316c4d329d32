sluice_test(config unit 120 config_test.cc LIBS sluice_config sluice_core sluice_failpoint_none nlohmann_json::nlohmann_json)
target_compile_definitions(config_test PRIVATE SLUICE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
# The published schema, as an editor applies it, to the published examples.
add_test(NAME config_schema COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/schema_check.py)
set_tests_properties(config_schema PROPERTIES LABELS unit TIMEOUT 60)
