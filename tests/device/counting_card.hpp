// CountingCard: a backend with one device, registered with ggml, that counts what would make a context on a real card.
#pragma once
#include <ggml-backend.h>

#include <cstddef>
#include <stdexcept>
#include <string>

namespace plimsoll::device {

// Like ggml's CUDA device: reading its memory, alone or with its properties, makes a context. The engine installs no
// header that lets a program make a backend of its own: these are the members of ggml 0.27's, in their order, and the
// constructor proves that they are still these. Registered for the life of the process.
class CountingCard {
 public:
  CountingCard(std::string backend, std::string name) : backend_(std::move(backend)), name_(std::move(name)) {
    registry_ = {.api_version = 2,
                 .get_name = [](ggml_backend_reg_t reg) { return self(reg).backend_.c_str(); },
                 .get_device_count = [](ggml_backend_reg_t) { return std::size_t{1}; },
                 .get_device = [](ggml_backend_reg_t reg, std::size_t) { return self(reg).device(); },
                 .get_proc_address = [](ggml_backend_reg_t, const char*) -> void* { return nullptr; },
                 .context = this};
    device_.get_name = [](ggml_backend_dev_t dev) { return self(dev).name_.c_str(); };
    device_.get_description = [](ggml_backend_dev_t) { return "a card that counts"; };
    device_.get_memory = [](ggml_backend_dev_t dev, std::size_t* free, std::size_t* total) {
      ++self(dev).contexts;
      *free = 600;
      *total = 1000;
    };
    device_.get_type = [](ggml_backend_dev_t) { return GGML_BACKEND_DEVICE_TYPE_GPU; };
    device_.get_props = [](ggml_backend_dev_t dev, ggml_backend_dev_props* properties) {
      ++self(dev).contexts;
      properties->type = GGML_BACKEND_DEVICE_TYPE_GPU;
      properties->device_id = "0000:0A:00.0";
    };
    device_.registry = registry();
    device_.context = this;
    ggml_backend_register(registry());
    const bool same = ggml_backend_dev_by_name(name_.c_str()) == device() &&
                      ggml_backend_dev_backend_reg(device()) == registry() &&
                      ggml_backend_reg_name(registry()) == backend_ &&
                      ggml_backend_dev_type(device()) == GGML_BACKEND_DEVICE_TYPE_GPU;
    if (!same) throw std::logic_error("ggml's backends have other members now: see counting_card.hpp");
  }
  CountingCard(const CountingCard&) = delete;
  CountingCard& operator=(const CountingCard&) = delete;

  int contexts = 0;

 private:
  struct Registry {
    int api_version;
    const char* (*get_name)(ggml_backend_reg_t);
    std::size_t (*get_device_count)(ggml_backend_reg_t);
    ggml_backend_dev_t (*get_device)(ggml_backend_reg_t, std::size_t);
    void* (*get_proc_address)(ggml_backend_reg_t, const char*);
    void* context;
  };
  struct Device {
    const char* (*get_name)(ggml_backend_dev_t);
    const char* (*get_description)(ggml_backend_dev_t);
    void (*get_memory)(ggml_backend_dev_t, std::size_t*, std::size_t*);
    enum ggml_backend_dev_type (*get_type)(ggml_backend_dev_t);
    void (*get_props)(ggml_backend_dev_t, ggml_backend_dev_props*);
    void* others[10];  // from init_backend to event_synchronize
    ggml_backend_reg_t registry;
    void* context;
  };
  static CountingCard& self(ggml_backend_reg_t reg) {
    return *static_cast<CountingCard*>(reinterpret_cast<Registry*>(reg)->context);
  }
  static CountingCard& self(ggml_backend_dev_t dev) {
    return *static_cast<CountingCard*>(reinterpret_cast<Device*>(dev)->context);
  }
  [[nodiscard]] ggml_backend_reg_t registry() { return reinterpret_cast<ggml_backend_reg_t>(&registry_); }
  [[nodiscard]] ggml_backend_dev_t device() { return reinterpret_cast<ggml_backend_dev_t>(&device_); }

  std::string backend_;
  std::string name_;
  Registry registry_{};
  Device device_{};
};

}  // namespace plimsoll::device
