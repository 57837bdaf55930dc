// libpqxx as the distributions build it. From version 7 its headers give exceptions a source
// location where C++20 is compiled, and Ubuntu's library, built as C++17, knows neither that member
// nor those constructors.
#pragma once

#include <source_location>
#include <version>

#pragma push_macro("__cpp_lib_source_location")
#undef __cpp_lib_source_location
#include <pqxx/pqxx>
#pragma pop_macro("__cpp_lib_source_location")
