#include "graphics_cards.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "temporary_folder.hpp"

namespace plimsoll::app {
namespace {

namespace fs = std::filesystem;

const VulkanDriver kRadeon{.file = "/usr/share/vulkan/icd.d/radeon_icd.x86_64.json", .library = {}, .problem = {}};
const VulkanDriver kBroken{
    .file = "/usr/share/vulkan/icd.d/intel_icd.json", .library = {}, .problem = "libdrm.so.2: cannot open"};

class GraphicsCardsTest : public ::testing::Test {
 protected:
  void card(const std::string& node, const std::string& vendor, const std::string& driver) {
    folder_.write("sys/class/drm/" + node + "/device/vendor", vendor + "\n");
    fs::create_symlink("../../../bus/pci/drivers/" + driver,
                       folder_.path() / ("sys/class/drm/" + node + "/device/driver"));
    folder_.write("dev/dri/" + node, "");
  }
  [[nodiscard]] std::vector<GraphicsCard> cards(const std::vector<VulkanDriver>& drivers) const {
    return graphics_cards(folder_.path(), drivers);
  }
  test::TemporaryFolder folder_;
};

TEST_F(GraphicsCardsTest, AMachineWithoutCardsHasNone) { EXPECT_TRUE(cards({kRadeon}).empty()); }

TEST_F(GraphicsCardsTest, EachHasVendorAndKernelDriver) {
  card("renderD129", "0x8086", "xe");
  card("renderD128", "0x1002", "amdgpu");
  folder_.write("sys/class/drm/card0/device/vendor", "0x1002\n");  // the same cards once more
  const auto all = cards({kRadeon, kBroken});
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].vendor + " " + all[0].driver + " " + all[0].problem, "AMD amdgpu ");
  EXPECT_EQ(all[1].vendor + " " + all[1].driver, "Intel xe");
  EXPECT_EQ(all[1].problem,
            "its Vulkan driver cannot be loaded; /usr/share/vulkan/icd.d/intel_icd.json: libdrm.so.2: cannot open");
}

TEST_F(GraphicsCardsTest, WithoutAManifestAPackageIsNamed) {
  card("renderD128", "0x1002", "amdgpu");
  EXPECT_EQ(cards({kBroken}).at(0).problem, "no Vulkan driver for AMD is installed (Debian: mesa-vulkan-drivers)");
}

TEST_F(GraphicsCardsTest, ANodeThatIsMissingIsSaid) {
  card("renderD128", "0x1002", "amdgpu");
  fs::remove(folder_.path() / "dev/dri/renderD128");
  EXPECT_TRUE(cards({kRadeon}).at(0).problem.contains("a container must be given it"));
}

TEST_F(GraphicsCardsTest, ANodeThatMayNotBeOpenedNamesItsGroup) {
  if (geteuid() == 0) {  // root may open everything: only what root may not is left
    card("renderD128", "0x1002", "amdgpu");
    EXPECT_EQ(cards({kRadeon}).at(0).problem, "");
    return;
  }
  card("renderD128", "0x1002", "amdgpu");
  chmod((folder_.path() / "dev/dri/renderD128").c_str(), 0);
  EXPECT_TRUE(cards({kRadeon}).at(0).problem.contains("it is open to the group"));
}

TEST_F(GraphicsCardsTest, NvidiasModuleWithoutItsLibrariesIsSaid) {
  folder_.write("dev/nvidiactl", "");
  const auto all = cards({kRadeon});
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].vendor, "NVIDIA");
  EXPECT_TRUE(all[0].problem.contains("NVIDIA_DRIVER_CAPABILITIES")) << all[0].problem;
  EXPECT_EQ(cards({{.file = "/share/plimsoll_nvidia_egl.json", .library = {}, .problem = {}}}).at(0).problem, "");
  card("renderD128", "0x10de", "nvidia");
  EXPECT_EQ(cards({}).size(), 1U);
}

TEST_F(GraphicsCardsTest, AnUnknownVendorIsNamedAsTheKernelDoes) {
  card("renderD128", "0x1af4", "virtio-pci");
  EXPECT_EQ(cards({}).at(0).vendor, "0x1af4");
  EXPECT_EQ(cards({}).at(0).problem, "");
}

}  // namespace
}  // namespace plimsoll::app
