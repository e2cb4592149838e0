/** The scripts of three pages. Each is a fixed text, because the page's policy knows it by its hash. */

export const uploadScript = `
const form = document.querySelector('form');
const out = document.querySelector('pre');
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const file = form.file.files[0];
  if (!file) return;
  out.textContent = 'uploading ' + file.size + ' bytes …';
  try {
    const answer = await fetch('/upload', { method: 'POST', body: file, headers: { 'content-type': 'application/octet-stream' } });
    out.textContent = answer.status + '\\n' + (await answer.text());
  } catch (error) {
    out.textContent = String(error);
  }
});
`;

export const echoScript = `
const form = document.querySelector('form');
const out = document.querySelector('pre');
const say = (text) => { out.textContent += text + '\\n'; };
const socket = new WebSocket((location.protocol === 'https:' ? 'wss://' : 'ws://') + location.host + '/ws/echo');
socket.addEventListener('open', () => say('connected'));
socket.addEventListener('message', (event) => say('← ' + event.data));
socket.addEventListener('close', (event) => say('closed (' + event.code + ')'));
form.addEventListener('submit', (event) => {
  event.preventDefault();
  if (socket.readyState !== WebSocket.OPEN) return;
  say('→ ' + form.message.value);
  socket.send(form.message.value);
  form.reset();
});
`;

export const eventsScript = `
const out = document.querySelector('pre');
const source = new EventSource('/events');
source.addEventListener('tick', (event) => { out.textContent = event.data; });
source.addEventListener('error', () => { out.textContent = 'disconnected; trying again …'; });
`;
