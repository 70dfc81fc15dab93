// Neural networks in the page, by LiteRT's WebAssembly: loaded when first asked for, and only once.
//
//   <div data-litert="…/litert_wasm_internal.js" data-litert-wasm="….wasm"
//        data-litert-compat="…/litert_wasm_compat_internal.js" data-litert-compat-wasm="….wasm">
//
//   const litert = new LiteRt(element.dataset);
//   const network = await litert.network(url);          // rejects where the WebAssembly or the file cannot be had
//   const outputs = await network.run(Float32Array);    // Float32Arrays, in the file's order

// The smallest module with an instruction of relaxed SIMD. Browsers without it get the compatible build.
const RELAXED_SIMD = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15],
  ...[65, 2, 253, 15, 253, 128, 2, 11],
);

let loading = null; // the runtime is one for the whole page

export class LiteRt {
  #addresses;

  constructor({ litert, litertWasm, litertCompat, litertCompatWasm }) {
    const modern = globalThis.WebAssembly?.validate(RELAXED_SIMD);
    this.#addresses = modern ? [litert, litertWasm] : [litertCompat, litertCompatWasm];
  }

  async network(url) {
    // Both at once, for the WebAssembly is the larger part of the wait.
    const [runtime, file] = await Promise.all([this.#load(), download(url)]);
    return new Network(runtime, await runtime.loadAndCompile(file, { accelerator: "wasm" }));
  }

  #load() {
    loading ??= this.#start().catch((error) => {
      loading = null; // the network may be back the next time
      throw error;
    });
    return loading;
  }

  async #start() {
    if (!globalThis.WebAssembly) throw new Error("This browser has no WebAssembly.");
    const runtime = await import("../vendor/litert/litert.js");
    // It would ask for a graphics device and say so on the console when there is none; these networks need none.
    runtime.Environment.create = async () => new runtime.Environment({ webGpuDevice: null });
    const [script, wasm] = this.#addresses;
    // What the loader script looks for: a place for its messages, and the name of its other half.
    globalThis.Module = { print() {}, printErr() {}, locateFile: () => wasm };
    try {
      await runtime.loadLiteRt(new URL(script, location.href).href);
    } finally {
      globalThis.Module = undefined;
    }
    return runtime;
  }
}

class Network {
  #runtime;
  #model;
  #shape;

  constructor(runtime, model) {
    this.#runtime = runtime;
    this.#model = model;
    this.#shape = [...model.getInputDetails()[0].shape];
  }

  async run(values) {
    const input = new this.#runtime.Tensor(values, this.#shape);
    let outputs = [];
    try {
      outputs = await this.#model.run([input]);
      return outputs.map((output) => Float32Array.from(output.toTypedArray()));
    } finally {
      // The WebAssembly's memory is not swept.
      for (const tensor of [input, ...outputs]) tensor.delete();
    }
  }
}

async function download(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answers ${response.status}.`);
  return new Uint8Array(await response.arrayBuffer());
}
