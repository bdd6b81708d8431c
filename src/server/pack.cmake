# Writes a C++ file with INPUT's bytes behind the function NAME: numbers, since compilers limit how long a string may be. Where INPUT says
# {{file}}, the bytes of that file of its folder stand. In hexadecimal throughout: text would lose CMake's own characters.
file(READ ${INPUT} bytes HEX)
get_filename_component(folder ${INPUT} DIRECTORY)
file(GLOB parts RELATIVE ${folder} ${folder}/*)
foreach(part IN LISTS parts)
  string(HEX "{{${part}}}" mark)
  string(FIND "${bytes}" "${mark}" found)
  if(found EQUAL -1)
    continue()
  endif()
  file(READ ${folder}/${part} content HEX)
  string(REPLACE "${mark}" "${content}" bytes "${bytes}")
endforeach()
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUTPUT} "#include \"packed.hpp\"
namespace plimsoll::server {
namespace {
constexpr unsigned char kBytes[] = {${bytes}};
}
std::string_view ${NAME}() { return {reinterpret_cast<const char*>(kBytes), sizeof kBytes}; }
}  // namespace plimsoll::server
")
