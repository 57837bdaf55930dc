# zoetrope_file_bytes(OUT FILE): the bytes of a file as the initialiser of a C++ array, for templates
# that configure_file fills in. CMake runs again when the file changes.
function(zoetrope_file_bytes OUT FILE)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${FILE})
  file(READ ${FILE} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  set(${OUT} "${bytes}" PARENT_SCOPE)
endfunction()
