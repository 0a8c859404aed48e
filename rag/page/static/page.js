/* Shows what the server sends, and sends what is clicked. Runs once when the page has loaded. */
() => {
  if (window.dateline) return;
  const byId = (id) => document.getElementById(id);
  const DRAFT = "dateline-draft";
  const ASKED = "dateline-asked";
  let opener = null;
  let clicks = 0;

  const field = (id) => document.querySelector(`#${id} textarea, #${id} input`);
  const put = (box, value) => {
    box.value = value;
    box.dispatchEvent(new Event("input", { bubbles: true }));
  };
  // Each message is a new one, so that the same button works again.
  const tell = (id, what) => put(field(id), JSON.stringify({ ...what, number: ++clicks }));

  /* ---------------------------------------------------------------- the conversation */
  const feed = () => byId("dl-feed");
  const turnAt = (n) => feed().querySelector(`.dl-turn[data-turn="${n}"]`);
  let there = 0;
  const latest = () => {
    feed().lastElementChild?.scrollIntoView({ block: "start" });
    there = window.scrollY;
  };
  const verdictKey = (turn) => `dateline-verdict ${turn.dataset.conversation} ${turn.dataset.turn}`;
  const showVerdict = (turn) => {
    const given = turn.dataset.conversation && localStorage.getItem(verdictKey(turn));
    turn.querySelectorAll("[aria-pressed]").forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.do === given)));
  };
  const show = (message) => {
    if (message.op === "all") {
      feed().innerHTML = message.turns.join("") || message.welcome;
      feed().querySelectorAll(".dl-turn").forEach(showVerdict);
      if (message.turns.length) latest();
      else window.scrollTo(0, 0);
    } else if (message.op === "welcome") {
      if (feed().querySelector(".dl-welcome")) feed().innerHTML = message.html;
    } else if (message.op === "turn") {
      const old = turnAt(message.turn);
      feed().querySelector(".dl-welcome")?.remove();
      if (old) {
        old.outerHTML = message.html;
        // It is longer now, so there is room to bring its question to the top, unless somebody scrolled meanwhile.
        if (Math.abs(window.scrollY - there) < 5 && turnAt(message.turn) === feed().lastElementChild) latest();
      } else {
        feed().insertAdjacentHTML("beforeend", message.html);
        latest();
      }
      if (message.asked) sessionStorage.setItem(ASKED, message.asked);
      else sessionStorage.removeItem(ASKED);
    } else if (message.op === "say") {
      const said = byId("dl-said") || document.body.appendChild(document.createElement("div"));
      said.id = "dl-said";
      said.setAttribute("role", "status");
      said.textContent = message.text;
      clearTimeout(said.timer);
      said.timer = setTimeout(() => said.remove(), 6000);
    } else if (message.op === "words") {
      const words = turnAt(message.turn)?.querySelector(".dl-written");
      if (words) words.textContent = message.text;
    }
  };
  const read = () => {
    while (feed() && window.datelineMail?.length) {
      const text = window.datelineMail.shift();
      if (text) show(JSON.parse(text));
    }
  };

  /* ---------------------------------------------------------------- the article beside it */
  const reading = () => document.body.classList.contains("dl-reading");
  const shut = () => {
    document.body.classList.remove("dl-reading");
    if (opener && opener.isConnected) opener.focus();
    opener = null;
  };
  const close = () => (history.state?.dateline ? history.back() : shut());
  const open = () => {
    if (!reading()) history.pushState({ dateline: true }, "");
    document.body.classList.add("dl-reading");
    requestAnimationFrame(() => {
      const panel = byId("dl-panel");
      panel.querySelector("h2")?.focus({ preventScroll: true });
      const target = panel.querySelector("mark.dl-quote") || panel.querySelector(".dl-passage");
      if (!target) panel.scrollTop = 0;
      // Only the panel scrolls, not the page below it.
      else {
        const there = target.getBoundingClientRect();
        const box = panel.getBoundingClientRect();
        panel.scrollTop += there.top - box.top - Math.max(80, (box.height - there.height) / 2);
      }
    });
  };
  window.addEventListener("popstate", () => reading() && shut());

  /* ---------------------------------------------------------------- what buttons do */
  const save = (text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/markdown" }));
    link.download = "conversation.md";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  const copy = async (turn, button) => {
    const answer = turn.querySelector(".dl-answer").cloneNode(true);
    answer.querySelectorAll(".dl-dim, .dl-tool").forEach((part) => part.remove());
    answer.querySelectorAll("button").forEach((mark) => mark.replaceWith(mark.textContent));
    answer.style.cssText = "position: fixed; left: -10000px";
    document.body.append(answer); // innerText needs a laid out element
    const [text, html] = [answer.innerText, answer.innerHTML];
    answer.remove();
    const part = (type, value) => ({ [type]: new Blob([value], { type }) });
    try {
      await navigator.clipboard.write([new ClipboardItem({ ...part("text/plain", text), ...part("text/html", html) })]);
      button.textContent = "Copied";
    } catch {
      button.textContent = "This browser does not let pages copy";
    }
    setTimeout(() => (button.textContent = "Copy answer"), 2000);
  };
  const form = (place, label, value, submit, done) => {
    const made = document.createElement("form");
    made.className = "dl-form";
    made.innerHTML = "<label><span></span><textarea rows='2' maxlength='2000'></textarea></label>"
      + "<button type='submit' class='dl-tool'></button><button type='button' class='dl-tool'>Cancel</button>";
    made.querySelector("span").textContent = label;
    made.querySelector("[type=submit]").textContent = submit;
    const box = made.querySelector("textarea");
    box.value = value;
    made.querySelector("[type=button]").onclick = () => made.remove();
    const send = (event) => {
      event.preventDefault();
      if (!box.value.trim()) return;
      made.remove();
      done(box.value);
    };
    made.onsubmit = send;
    box.onkeydown = (event) => event.key === "Enter" && !event.shiftKey && send(event);
    place.querySelector(".dl-form")?.remove();
    place.append(made);
    box.focus();
  };
  const act = (button) => {
    const what = button.dataset.do;
    const turn = button.closest(".dl-turn");
    const where = turn ? { turn: Number(turn.dataset.turn), conversation: turn.dataset.conversation } : {};
    const asked = turn?.querySelector(".dl-question").textContent;
    if (what === "copy") copy(turn, button);
    else if (what === "ask") tell("dl-asked", { do: what, text: button.textContent });
    else if (what === "again" || what === "all") tell("dl-asked", { do: what, ...where });
    else if (what === "edit")
      form(turn.querySelector(".dl-asked"), "Ask otherwise, in a new conversation", asked, "Submit", (text) =>
        tell("dl-asked", { do: what, text, ...where }));
    else if (what === "like" || what === "dislike") {
      localStorage.setItem(verdictKey(turn), what);
      showVerdict(turn);
      tell("dl-done", { do: what, ...where });
      form(turn, `What would be right for “${asked}”? (optional)`, "", "Keep the correction", (correction) =>
        tell("dl-done", { do: what, correction, ...where }));
    } else tell("dl-done", { do: what, name: button.dataset.name, value: button.dataset.value, ...where });
  };
  document.addEventListener("click", (event) => {
    const cite = event.target.closest("[data-place]");
    const button = event.target.closest("[data-do]");
    if (cite) {
      opener = cite;
      // Trailing blanks make each message a new one, so that the same citation can be opened again.
      put(field("dl-place"), cite.dataset.place + " ".repeat(++clicks % 7));
    } else if (button) act(button);
    else if (event.target.closest("#dl-close")) close();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && reading()) close();
  });

  /* ---------------------------------------------------------------- nothing typed is lost when the page is reloaded */
  document.addEventListener("input", (event) => {
    if (event.target === field("dl-question")) sessionStorage.setItem(DRAFT, event.target.value);
  });
  const draft = sessionStorage.getItem(DRAFT) || sessionStorage.getItem(ASKED);
  if (draft && field("dl-question")) put(field("dl-question"), draft);

  // Gradio keeps the last day where what is typed is none, or makes 3 March of 31 February, and says nothing.
  document.addEventListener("focusout", (event) => {
    const box = event.target.closest?.("#dl-since, #dl-until");
    const text = box && event.target.value?.trim();
    if (!text) return;
    const day = /^\d{4}-\d\d-\d\d$/.test(text) && new Date(text);
    if (day && !isNaN(day) && day.toISOString().startsWith(text)) return;
    show({ op: "say", text: `“${text}” is no day, so it does not filter. Write it as 2025-10-19.` });
    setTimeout(() => tell("dl-done", { do: "unfilter", name: box.id.slice(3) }), 300);
  });

  // Gradio gives the buttons that open a calendar no name.
  const name = () =>
    document.querySelectorAll("button.calendar:not([aria-label])").forEach((button) => {
      button.setAttribute("aria-label", "Choose a day");
    });
  new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
  name();
  window.dateline = { show: open, save, read };
  read();
}
