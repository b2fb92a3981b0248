// YAML as JSON, at build time: the API document is written in the one and served in the other.
#pragma once

#include <string>

namespace tally::tools {

// The one document in `yaml`, compact. Quoted scalars stay strings; plain ones are read by the JSON schema of YAML 1.2
// (null, true, false and decimal numbers, which stay as they are written) and are strings otherwise. Aliases are
// written out. Throws std::runtime_error with the line for what JSON cannot say: a key that is there twice, or is no
// scalar.
std::string json_of_yaml(const std::string& yaml);

}  // namespace tally::tools
