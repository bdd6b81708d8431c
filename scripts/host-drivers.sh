# shellcheck shell=bash
# What of the host's graphics drivers the private root shows: the libraries, in a folder of their own, and the files that
# name them to Vulkan's loader. Sourced by in-root; adds to `arguments`.
drivers=/host-drivers

show_drivers() {
  local library
  for library in "$@"; do
    [ -e "$library" ] && arguments+=(--ro-bind "$library" "$drivers/${library##*/}")
  done
  return 0
}

# NVIDIA's own file names libGLX_nvidia.so.0, which cannot be loaded where X11's libraries are missing, and makes no
# instance where there is no display to ask (seen with driver 580.159 in a folder without X11). libEGL_nvidia.so.0 is the
# same Vulkan driver without them; where that is missing, the host's X11 libraries go along.
name_nvidia_to_vulkan() {
  local files=(/usr/share/vulkan/icd.d/*nvidia*.json /etc/vulkan/icd.d/*nvidia*.json /usr/local/nvidia/share/vulkan/icd.d/*.json)
  local file version=
  for file in "${libraries[@]}"; do
    [ "${file##*/}" = libEGL_nvidia.so.0 ] || continue
    [ ${#files[@]} = 0 ] || version=$(sed -n 's/.*"api_version" *: *"\([0-9.]*\)".*/\1/p' "${files[0]}" | head -n 1)
    exec 10< <(printf '{"file_format_version": "1.0.0", "ICD": {"library_path": "libEGL_nvidia.so.0", "api_version": "%s"}}\n' "${version:-1.3.0}")
    arguments+=(--file 10 "$drivers/nvidia_icd.json")
    icds=$drivers/nvidia_icd.json
    return
  done
  show_drivers "${files[@]}" /usr/lib/*-linux-gnu/lib{X11,Xext,xcb,Xau,Xdmcp,bsd,md}.so.[0-9]
  for file in "${files[@]}"; do icds=${icds:+$icds:}$drivers/${file##*/}; done
}

add_host_drivers() {
  local libraries=(/usr/lib/*-linux-gnu/lib{cuda,nvidia,GLX_nvidia,EGL_nvidia}*.so* /usr/lib{64,}/lib{cuda,nvidia,GLX_nvidia,EGL_nvidia}*.so*
    /usr/local/nvidia/lib*/lib*.so*) icds=
  [ ${#libraries[@]} -gt 0 ] || return 0
  show_drivers "${libraries[@]}"
  name_nvidia_to_vulkan
  arguments+=(--setenv LD_LIBRARY_PATH "$drivers${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}")
  [ -z "$icds" ] || arguments+=(--setenv VK_ADD_DRIVER_FILES "$icds${VK_ADD_DRIVER_FILES:+:$VK_ADD_DRIVER_FILES}")
}
