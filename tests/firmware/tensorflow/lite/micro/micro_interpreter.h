// Written for the tests, see micro_op_resolver.h.
#pragma once
#include "tensorflow/lite/micro/micro_op_resolver.h"

TFLM_BEGIN

union TfLitePtrUnion {
  int32_t* i32;
  int64_t* i64;
  float* f;
  bool* b;
  int16_t* i16;
  uint8_t* uint8;
  int8_t* int8;
};

struct TfLiteTensor {
  struct {
    int type;
    void* params;
  } quantization;
  struct {
    float scale;
    int32_t zero_point;
  } params;
  TfLitePtrUnion data;
};

class MicroResourceVariables;
class MicroProfilerInterface;

class MicroInterpreter {
 public:
  MicroInterpreter(const Model* model, const MicroOpResolver& op_resolver, uint8_t* tensor_arena, size_t tensor_arena_size,
                   MicroResourceVariables* resource_variables = nullptr, MicroProfilerInterface* profiler = nullptr,
                   bool preserve_all_tensors = false);
  ~MicroInterpreter();
  TfLiteStatus AllocateTensors();
  TfLiteStatus Invoke();
  TfLiteTensor* input(size_t index);
  TfLiteTensor* output(size_t index);

 private:
  alignas(16) char state_[8192];  // more than TFLM's own class has
};

TFLM_END
