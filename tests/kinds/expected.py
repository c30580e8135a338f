"""What must become of the kinds that do not pass in every format."""

# The pipeline refuses the network itself, with these words.
NETWORKS = {
    "Conv1D channels_first": "'tf.Transpose' op x should be of the same rank with y",
    "Conv3D dilated": "LiteRT has no SpaceToBatchND",
    "Conv2DTranspose dilated": "LiteRT has no Conv2DBackpropInput",
    "AveragePooling3D": "LiteRT has no AvgPool3D",
    "MaxPooling3D": "LiteRT has no MaxPool3D",
    "AdaptiveAveragePooling3D": "LiteRT has no AvgPool3D",
    "AdaptiveMaxPooling3D": "LiteRT has no MaxPool3D",
    "UpSampling2D bicubic": "LiteRT has no ResizeBicubic",
    "UpSampling2D lanczos3": "LiteRT has no ScaleAndTranslate",
    "UpSampling2D lanczos5": "LiteRT has no ScaleAndTranslate",
    "LSTM stateful": "the network keeps a state between calls (lstm",
    "Resizing bicubic": "LiteRT has no ResizeBicubic",
    "Resizing area": "LiteRT has no ResizeArea",
    "Resizing lanczos3": "LiteRT has no ScaleAndTranslate",
    "Resizing lanczos5": "LiteRT has no ScaleAndTranslate",
    "CategoryEncoding multi_hot": "LiteRT has no DenseBincount",
    "CategoryEncoding count": "LiteRT has no DenseBincount",
    "Hashing": "LiteRT has no AsString, StringToHashBucketFast",
    "HashedCrossing": "LiteRT has no SparseCross",
    "IntegerLookup": "the network looks up a table (LookupTableFindV2)",
    "StringLookup": "is string; a .tflite file takes numbers",
    "TextVectorization": "is string; a .tflite file takes numbers",
    "ops arcsinh": "LiteRT has no Asinh",
    "ops arctan": "LiteRT has no Atan",
    "ops sinh": "LiteRT has no Sinh",
    "ops erf": "LiteRT has no Erf",
    "ops erfc": "LiteRT has no Erfc",
    "ops signbit": "LiteRT has no BitwiseAnd",
    "ops i0": "LiteRT has no BesselI0",
    "ops cosh": "LiteRT has no Cosh",
    "ops arccosh": "LiteRT has no Acosh",
    "ops arccos": "LiteRT has no Acos",
    "ops arcsin": "LiteRT has no Asin",
    "ops arctanh": "LiteRT has no Atanh",
    "ops erfinv": "LiteRT has no Erfinv",
    "ops tan": "LiteRT has no Tan",
    "ops cross": "LiteRT has no Cross",
    "ops argmax": "LiteRT has no BitwiseAnd",
    "ops argmin": "LiteRT has no BitwiseAnd",
    "ops cumprod": "LiteRT has no Cumprod",
    "ops in_top_k": "LiteRT has no InTopKV2",
    "ops searchsorted": "LiteRT has no LowerBound",
    "ops diagonal": "LiteRT has no MatrixDiagPartV3",
    "ops unfold": "LiteRT has no ExtractImagePatches",
    "ops fft": "LiteRT has no Complex, FFT",
    "ops irfft": "LiteRT has no Complex, IRFFT",
    "ops inv": "LiteRT has no MatrixInverse",
    "ops cholesky": "LiteRT has no Cholesky",
    "ops det": "LiteRT has no MatrixDeterminant",
    "ops solve": "LiteRT has no MatrixSolve",
    "ops qr": "LiteRT has no Qr",
    "ops svd": "LiteRT has no Svd",
    "ops bincount": "LiteRT has no DenseBincount",
    "ops bitwise_and": "LiteRT has no BitwiseAnd",
    "ops image.resize": "LiteRT has no ScaleAndTranslate",
    "ops image.rgb_to_hsv": "LiteRT has no RGBToHSV",
    "ops image.affine_transform": "LiteRT has no ImageProjectiveTransformV3",
    "Conv2D channels_first": "TensorFlow cannot run the network here",
}

# Recurrent layers become loops, which static schemes cannot quantize.
LOOPS = frozenset(
    [
        "LSTM",
        "LSTM sequences",
        "LSTM backwards",
        "LSTM no bias",
        "GRU",
        "GRU reset before",
        "SimpleRNN",
        "Bidirectional",
        "Bidirectional sum",
        "RNN",
        "SimpleRNNCell",
        "StackedRNNCells",
        "ConvLSTM1D",
        "ConvLSTM2D",
        "ConvLSTM2D unrolled sequences",
        "ConvLSTM3D",
        "LSTM stacked",
        "LSTM return_state",
        "LSTM masked",
        "ops while_loop",
        "ops fori_loop",
        "ops scan",
        "ops map",
        "masked tokens",
    ]
)

# The pipeline refuses single formats, with these words.
FORMATS = {
    "Resizing pad_to_aspect_ratio": {
        "int8": "litert-quantizer refuses this network",
        "int16x8": "litert-quantizer refuses this network",
    },
    "ops median": {"int8": "reads a constant NaN", "int16x8": "reads a constant NaN"},
    "ops quantile": {"int8": "reads a constant NaN", "int16x8": "reads a constant NaN"},
    "ops matmul constant left": {"dynamic": "cannot be run here", "int16x8": "cannot be run here"},
    **{
        name: dict.fromkeys(("int8", "int16x8"), "itself (fake quantization)")
        for name in ("fake quantization", "fake quantization per channel")
    },
    "ops cond": {"int8": "the network holds IF", "int16x8": "the network holds IF"},
    **{name: dict.fromkeys(("int8", "int16x8"), "the network holds WHILE") for name in LOOPS},
}

# Not refused, and not what the network computes: a fault of litert-quantizer, which the certificate has to see.
FAULTY = {"ops matmul constant left": {"int8": "8 scales; BATCH_MATMUL reads one"}}

# Layers that wrap what another library makes, which is not among the requirements.
OF_OTHER_LIBRARIES = {"FlaxLayer": "flax", "JaxLayer": "jax", "TorchModuleWrapper": "torch"}
