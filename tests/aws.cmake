sluice_test(aws_signature unit 30 aws_signature_test.cc LIBS sluice_drivers sluice_core sluice_failpoint_none)
# The same against an independent signer.
add_executable(aws_sign aws_sign_main.cc)
target_link_libraries(aws_sign PRIVATE sluice_drivers sluice_core sluice_failpoint_none nlohmann_json::nlohmann_json)
add_test(NAME aws_sign COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/kinesis/aws_sign_test.py $<TARGET_FILE:aws_sign>)
set_tests_properties(aws_sign PROPERTIES LABELS unit TIMEOUT 120 ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)
sluice_test(aws_credentials quick 60 aws_credentials_test.cc LIBS kinesis_outside sluice_drivers sluice_core sluice_failpoint_none)
sluice_test(http_client quick 60 http_client_test.cc LIBS kinesis_outside sluice_drivers sluice_core sluice_failpoint_none)
