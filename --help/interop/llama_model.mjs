// llama_model.mjs - a language model of random weights that llama.cpp loads (GGUF 3), small enough to be made
// while one waits: its answers are nonsense, what it does with a request is what any model's server does.
//     node llama_model.mjs TEMPLATE FILE TEXT...
// TEMPLATE names the kind of chat template; the vocabulary (byte pairs, as SentencePiece has them) is
// learned from the TEXT files, so that prompts of their kind are not one token a character.
import { readFileSync, writeFileSync } from 'node:fs';

const MERGES = 700, CONTEXT = 65536, EMBED = 64, HEADS = 2, LAYERS = 2, FF = 128;

// No message but the user's and the assistant's in turn, the user's first: what both kinds insist on.
const TURNS = (say) => `{% for m in messages %}{% if m.role != ('user' if loop.index0 % 2 == 0 else 'assistant') %}`
    + `{{ raise_exception('${say}') }}{% endif %}`;
const TEMPLATES = {
    gemma: "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}"
        + '{% endif %}' + TURNS('Conversation roles must alternate user/assistant/user/assistant/...')
        + "<start_of_turn>{{ 'model' if m.role == 'assistant' else 'user' }}\n{{ m.content | trim }}<end_of_turn>\n"
        + '{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}',
    mistral: '{{ bos_token }}' + TURNS('After the optional system message, conversation roles must alternate')
        + "{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% else %} {{ m.content }}{{ eos_token }}"
        + '{% endif %}{% endfor %}',
    // One that nothing of ours can please.
    system: "{% if messages[0].role != 'system' %}{{ raise_exception('A system message comes first') }}{% endif %}",
};

const [kind, file, ...texts] = process.argv.slice(2);
if (!TEMPLATES[kind] || !texts.length) {
    console.error(`usage: llama_model.mjs ${Object.keys(TEMPLATES).join('|')} FILE TEXT...`);
    process.exit(2);
}

// --- vocabulary
function merges(text) {
    const counts = new Map();
    for (const w of text.match(/ ?[A-Za-z]+| ?[0-9]| ?[^A-Za-z0-9\s]+/g) ?? []) {
        const word = w.replace(' ', '▁');
        counts.set(word, (counts.get(word) ?? 0) + 1);
    }
    const words = [...counts].map(([w, n]) => [[...w], n]), found = [];
    while (found.length < MERGES) {
        const pairs = new Map();
        for (const [w, n] of words)
            for (let i = 1; i < w.length; i++) pairs.set(w[i - 1] + w[i], (pairs.get(w[i - 1] + w[i]) ?? 0) + n);
        const [best] = [...pairs].reduce((a, b) => (b[1] > a[1] ? b : a), ['', 1]);
        if (!best) break;
        found.push(best);
        for (const [w] of words)
            for (let i = 1; i < w.length; i++) if (w[i - 1] + w[i] === best) w.splice(i - 1, 2, best);
    }
    return found;
}
const NORMAL = 1, UNKNOWN = 2, CONTROL = 3, BYTE = 6;
const vocabulary = [['<unk>', UNKNOWN], ['<s>', CONTROL], ['</s>', CONTROL], ['<start_of_turn>', CONTROL],
    ['<end_of_turn>', CONTROL], ['[INST]', CONTROL], ['[/INST]', CONTROL]];
for (let b = 0; b < 256; b++) vocabulary.push([`<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`, BYTE]);
const pieces = new Set(merges(texts.map((t) => readFileSync(t, 'utf8')).join('\n')));
pieces.add('▁');
for (let c = 33; c < 127; c++) pieces.add(String.fromCharCode(c));
for (const p of pieces) vocabulary.push([p, NORMAL]);

// --- GGUF
const U32 = 4, F32 = 6, BOOL = 7, STRING = 8, ARRAY = 9, I32 = 5;
const number = (size, put) => (x) => { const b = Buffer.alloc(size); b[put](x); return b; };
const u32 = number(4, 'writeUInt32LE'), i32 = number(4, 'writeInt32LE'), f32 = number(4, 'writeFloatLE');
const u64 = (x) => number(8, 'writeBigUInt64LE')(BigInt(x));
const string = (s) => Buffer.concat([u64(Buffer.byteLength(s)), Buffer.from(s)]);
const write = { [U32]: u32, [I32]: i32, [F32]: f32, [BOOL]: (x) => Buffer.from([x ? 1 : 0]), [STRING]: string };
const array = (type, list) => [ARRAY, Buffer.concat([u32(type), u64(list.length), ...list.map(write[type])])];
const keys = Object.entries({
    'general.architecture': [STRING, 'llama'],
    'general.name': [STRING, `random weights, ${kind}`],
    'llama.context_length': [U32, CONTEXT],
    'llama.embedding_length': [U32, EMBED],
    'llama.block_count': [U32, LAYERS],
    'llama.feed_forward_length': [U32, FF],
    'llama.attention.head_count': [U32, HEADS],
    'llama.attention.head_count_kv': [U32, HEADS],
    'llama.attention.layer_norm_rms_epsilon': [F32, 1e-5],
    'llama.rope.dimension_count': [U32, EMBED / HEADS],
    'llama.vocab_size': [U32, vocabulary.length],
    'tokenizer.ggml.model': [STRING, 'llama'],
    'tokenizer.ggml.tokens': array(STRING, vocabulary.map(([t]) => t)),
    'tokenizer.ggml.scores': array(F32, vocabulary.map((_, i) => -i)), // earlier merges win
    'tokenizer.ggml.token_type': array(I32, vocabulary.map(([, type]) => type)),
    'tokenizer.ggml.unknown_token_id': [U32, 0],
    'tokenizer.ggml.bos_token_id': [U32, 1],
    'tokenizer.ggml.eos_token_id': [U32, kind === 'gemma' ? 4 : 2],
    'tokenizer.ggml.add_bos_token': [BOOL, false], // the template has it
    'tokenizer.ggml.add_space_prefix': [BOOL, false],
    'tokenizer.chat_template': [STRING, TEMPLATES[kind]],
});

let state = 20240613;
function random() { // xorshift32, in (-1, 1)
    state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
    return state / 2 ** 31;
}
const weights = (scale) => () => random() * scale, ones = () => 1;
const tensors = [['token_embd.weight', [EMBED, vocabulary.length], weights(1)],
    ['output_norm.weight', [EMBED], ones], ['output.weight', [EMBED, vocabulary.length], weights(0.3)]];
for (let l = 0; l < LAYERS; l++) {
    const add = (name, shape, value) => tensors.push([`blk.${l}.${name}.weight`, shape, value]);
    add('attn_norm', [EMBED], ones);
    add('ffn_norm', [EMBED], ones);
    for (const w of ['attn_q', 'attn_k', 'attn_v', 'attn_output']) add(w, [EMBED, EMBED], weights(0.3));
    for (const w of ['ffn_gate', 'ffn_up']) add(w, [EMBED, FF], weights(0.3));
    add('ffn_down', [FF, EMBED], weights(0.3));
}
const pad = (n) => Buffer.alloc((32 - n % 32) % 32);
let offset = 0;
const infos = [], data = [];
for (const [name, shape, value] of tensors) {
    const size = shape.reduce((a, b) => a * b);
    infos.push(string(name), u32(shape.length), ...shape.map(u64), u32(0), u64(offset));
    const bytes = Buffer.from(Float32Array.from({ length: size }, value).buffer);
    data.push(bytes, pad(bytes.length));
    offset += bytes.length + pad(bytes.length).length;
}
const head = Buffer.concat([Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(keys.length),
    ...keys.flatMap(([k, [type, v]]) => [string(k), u32(type), Buffer.isBuffer(v) ? v : write[type](v)]), ...infos]);
writeFileSync(file, Buffer.concat([head, pad(head.length), ...data]));
