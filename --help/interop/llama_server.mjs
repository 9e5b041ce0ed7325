// llama_server.mjs - llama.cpp's library (npm's node-llama-cpp) behind the interface that its own server has:
// the model's chat template in llama.cpp's Jinja, its tokens, its sampling, its errors. One request at a time.
//     node llama_server.mjs MODEL CONTEXT
// Says where it listens; then a line of JSON for each request: its status, roles, tokens and ending.
import { createServer } from 'node:http';
import { getLlama, LlamaGrammarEvaluationState } from 'node-llama-cpp';

const [modelPath, size] = process.argv.slice(2);
const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, maxThreads: 1, logLevel: 'error' });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({ contextSize: Number(size), batchSize: 512 });
const sequence = context.getSequence();
const n_ctx = context.contextSize;
const meta = model.fileInfo.metadata;
const template = new llama._bindings.AddonJinjaRenderer(meta.tokenizer.chat_template);

class Refused extends Error {
    constructor(code, type, message, more) { super(message); Object.assign(this, { code, type, more }); }
}
let count = 0;

async function chat(body, line, send) {
    if (!Array.isArray(body.messages) || !body.messages.length)
        throw new Refused(400, 'invalid_request_error', "'messages' is required");
    line.roles = body.messages.map((m) => m.role).join(' ');
    line.empty = body.messages.filter((m) => typeof m.content !== 'string' || !m.content.trim()).length;
    let text;
    try {
        text = template.render({ messages: body.messages, add_generation_prompt: true,
            bos_token: model.tokens.bosString, eos_token: model.tokens.eosString });
    } catch (e) {
        throw new Refused(500, 'server_error', e.message.replace(/^AddonJinjaRenderer: [^:]*: /, ''));
    }
    const tokens = model.tokenize(text, true);
    line.prompt = tokens.length;
    if (tokens.length >= n_ctx)
        throw new Refused(400, 'exceed_context_size_error', `request (${tokens.length} tokens) exceeds the available `
            + `context size (${n_ctx} tokens), try increasing it`, { n_prompt_tokens: tokens.length, n_ctx });
    const room = n_ctx - tokens.length, wanted = body.max_tokens ?? body.max_completion_tokens ?? -1;
    const limit = wanted < 0 ? room : Math.min(wanted, room);
    await sequence.adaptStateToTokens(tokens.slice(0, -1), false);
    const cached = sequence.nextTokenIndex, out = [];
    const grammarEvaluationState = body.grammar ? new LlamaGrammarEvaluationState({ model,
        grammar: await llama.createGrammar({ grammar: body.grammar }) }) : undefined;
    let sent = 0, ended = false;
    const told = (all) => { // whole characters only
        const said = model.detokenize(out);
        if (!all && said.endsWith('\ufffd')) return said;
        if (said.length > sent) send?.({ content: said.slice(sent) });
        sent = said.length;
        return said;
    };
    if (limit > 0)
        for await (const token of sequence.evaluate(tokens.slice(cached), { temperature: body.temperature ?? 0.8,
            topK: 40, topP: 0.95, minP: 0.05, seed: body.seed ?? count, yieldEogToken: true,
            grammarEvaluationState })) {
            if ((ended = model.isEogToken(token))) break;
            out.push(token);
            told(false);
            if (out.length >= limit) break;
        }
    line.completion = out.length;
    line.finish = ended ? 'stop' : 'length';
    return { content: told(true), finish: line.finish, usage: { prompt_tokens: tokens.length,
        completion_tokens: out.length, total_tokens: tokens.length + out.length,
        prompt_tokens_details: { cached_tokens: cached } } };
}

async function answer(request, response) {
    const line = { n: ++count };
    const json = (status, value) => {
        line.status = status;
        response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(value));
    };
    try {
        if (request.method === 'GET' && request.url === '/v1/models')
            return json(200, { object: 'list', data: [{ id: meta.general.name, object: 'model', owned_by: 'llamacpp',
                meta: { n_ctx_train: model.trainContextSize, n_embd: model.embeddingVectorSize } }] });
        if (request.method !== 'POST' || request.url !== '/v1/chat/completions')
            throw new Refused(404, 'not_found_error', 'File Not Found');
        let raw = '';
        for await (const part of request.setEncoding('utf8')) raw += part;
        const body = JSON.parse(raw);
        const made = { id: `chatcmpl-${count}`, created: Math.floor(Date.now() / 1000), model: body.model };
        const chunk = (fields) => {
            if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
            response.write(`data: ${JSON.stringify({ ...made, object: 'chat.completion.chunk', ...fields })}\n\n`);
        };
        const delta = (d, finish_reason = null) => chunk({ choices: [{ index: 0, delta: d, finish_reason }] });
        line.stream = body.stream === true;
        const { content, finish, usage } = await chat(body, line, line.stream ? delta : undefined);
        if (!line.stream)
            return json(200, { ...made, object: 'chat.completion', usage,
                choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: finish }] });
        line.status = 200;
        delta({}, finish);
        if (body.stream_options?.include_usage) chunk({ choices: [], usage });
        response.end('data: [DONE]\n\n');
    } catch (e) {
        const code = e.code ?? 500;
        line.said = e.message;
        if (typeof code !== 'number' || response.headersSent) throw e;
        json(code, { error: { code, type: e.type ?? 'server_error', message: e.message, ...e.more } });
    } finally {
        console.log(JSON.stringify(line));
    }
}

let last = Promise.resolve();
const server = createServer((request, response) => { last = last.then(() => answer(request, response)); });
server.listen(0, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${server.address().port}/v1`));
