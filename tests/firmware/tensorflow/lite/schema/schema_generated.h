// Written for the tests: what main.cc needs of the schema.
#pragma once
#include <cstdint>
#include <cstring>

namespace tflite {

// The numbers of the schema, of the operators in `MicroMutableOpResolver`.
enum BuiltinOperator : int32_t {
  BuiltinOperator_ADD = 0,
  BuiltinOperator_AVERAGE_POOL_2D = 1,
  BuiltinOperator_CONV_2D = 3,
  BuiltinOperator_DEPTHWISE_CONV_2D = 4,
  BuiltinOperator_FULLY_CONNECTED = 9,
  BuiltinOperator_MAX_POOL_2D = 17,
  BuiltinOperator_MUL = 18,
  BuiltinOperator_RESHAPE = 22,
  BuiltinOperator_SOFTMAX = 25,
  BuiltinOperator_CUSTOM = 32,
  BuiltinOperator_MEAN = 40,
};

struct Model;

// A flatbuffer begins with the offset of its root.
inline const Model* GetModel(const void* buffer) {
  uint32_t offset;
  std::memcpy(&offset, buffer, sizeof(offset));
  return reinterpret_cast<const Model*>(static_cast<const uint8_t*>(buffer) + offset);
}

}  // namespace tflite
