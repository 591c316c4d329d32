# What the package is made of agrees with the program. The package itself is proved by tests/package/run, on a booted Debian.
add_test(NAME package_files COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/package/files_test.py $<TARGET_FILE:sluice>)
set_tests_properties(package_files PROPERTIES LABELS unit TIMEOUT 60)
