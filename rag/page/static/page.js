/* Shows what the server sends, and sends what is clicked. Runs once when the page has loaded. */
() => {
  if (window.dateline) return;
  const byId = (id) => document.getElementById(id);
  const DRAFT = "dateline-draft";
  const ASKED = "dateline-asked";
  const THEME = "dateline-theme";
  let opener = null;
  let clicks = 0;

  const field = (id) => document.querySelector(`#${id} textarea, #${id} input`);
  const put = (box, value) => {
    box.value = value;
    box.dispatchEvent(new Event("input", { bubbles: true }));
  };
  // Each message is a new one, so that the same button works again.
  const tell = (id, what) => put(field(id), JSON.stringify({ ...what, number: ++clicks }));
  const say = (text) => {
    const said = byId("dl-said") || document.body.appendChild(document.createElement("div"));
    said.id = "dl-said";
    said.setAttribute("role", "status");
    said.textContent = text;
    clearTimeout(said.timer);
    said.timer = setTimeout(() => said.remove(), 6000);
  };

  /* ---------------------------------------------------------------- the conversation */
  const feed = () => byId("dl-feed");
  const turnAt = (n) => feed().querySelector(`.dl-turn[data-turn="${n}"]`);
  let there = 0;
  const latest = (turn) => {
    (turn || feed().lastElementChild)?.scrollIntoView({ block: "start" });
    there = window.scrollY;
  };
  const verdictKey = (turn) => `dateline-verdict ${turn.dataset.conversation} ${turn.dataset.turn}`;
  const showVerdict = (turn) => {
    const given = turn.dataset.conversation && localStorage.getItem(verdictKey(turn));
    turn.querySelectorAll("[aria-pressed]").forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.do === given)));
  };
  // Messages of different boxes may arrive in another order than they were sent; what is older than what stands is not shown.
  let newest = {};
  const late = (message) => {
    const key = message.op === "all" ? "all" : message.turn;
    if (message.number < Math.max(newest.all ?? 0, newest[key] ?? 0)) return true;
    newest = message.op === "all" ? { all: message.number } : { ...newest, [key]: message.number };
    return false;
  };
  const show = (message) => {
    if (/^(all|turn|words|next)$/.test(message.op) && late(message)) return;
    if (message.op === "all") {
      feed().innerHTML = message.turns.join("") || message.welcome;
      feed().querySelectorAll(".dl-turn").forEach(showVerdict);
      if (message.turns.length) latest(message.at === null ? null : turnAt(message.at));
      else window.scrollTo(0, 0);
      if (message.lost) say("That conversation is not here: deleted, damaged, or somebody else's.");
      if (/^#c=/.test(location.hash)) history.replaceState(history.state, "", location.pathname + location.search);
    } else if (message.op === "welcome") {
      if (feed().querySelector(".dl-welcome")) feed().innerHTML = message.html;
    } else if (message.op === "turn") {
      const old = turnAt(message.turn);
      // Looked at before anything changes: the browser moves the page a little when what is in view is replaced.
      const stayed = Math.abs(window.scrollY - there) < 5;
      feed().querySelector(".dl-welcome")?.remove();
      feed().querySelectorAll(".dl-next").forEach((next) => next.replaceChildren());
      if (old) {
        old.outerHTML = message.html;
        // It is longer now, so there is room to bring its question to the top, unless somebody scrolled meanwhile.
        if (stayed && turnAt(message.turn) === feed().lastElementChild) latest();
      } else {
        feed().insertAdjacentHTML("beforeend", message.html);
        latest();
      }
      if (message.asked) sessionStorage.setItem(ASKED, message.asked);
      else sessionStorage.removeItem(ASKED);
    } else if (message.op === "next") {
      const next = turnAt(message.turn)?.querySelector(".dl-next");
      if (next && turnAt(message.turn) === feed().lastElementChild) next.innerHTML = message.html;
    } else if (message.op === "say") say(message.text);
    else if (message.op === "file") save(message);
    else if (message.op === "words") {
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

  /* ---------------------------------------------------------------- the panes: conversations, and the article */
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
      // Only the panel scrolls, not the page below it; its head covers what is above.
      else {
        const there = target.getBoundingClientRect();
        const box = panel.getBoundingClientRect();
        const head = panel.querySelector(".dl-head")?.offsetHeight || 0;
        panel.scrollTop += there.top - box.top - head - Math.max(16, (box.height - head - there.height) / 3);
      }
    });
  };
  window.addEventListener("popstate", () => reading() && shut());
  const menuButton = () => document.querySelector("#dl-bar [data-do=menu]");
  const menu = (on = !document.body.classList.contains("dl-menu-open")) => {
    document.body.classList.toggle("dl-menu-open", on);
    menuButton()?.setAttribute("aria-expanded", String(on));
    if (on) document.querySelector("#dl-left [data-do=menu]")?.focus();
    else if (byId("dl-left").contains(document.activeElement)) menuButton()?.focus();
  };
  const openPlace = (place, from) => {
    opener = from || null;
    // Trailing blanks make each message a new one, so that the same citation can be opened again.
    put(field("dl-place"), place + " ".repeat(++clicks % 7));
  };

  /* ---------------------------------------------------------------- links: #c=CONVERSATION&t=TURN, #a=ARTICLE&s=&e=&q= */
  const address = (parts) => `${location.origin}${location.pathname}#${new URLSearchParams(parts)}`;
  const follow = () => {
    const named = new URLSearchParams(location.hash.slice(1));
    if (named.get("a") !== null) {
      const [start, end, quote] = [Number(named.get("s")) || 0, Number(named.get("e")) || 0, named.get("q")];
      history.replaceState(history.state, "", location.pathname + location.search);
      openPlace(JSON.stringify([named.get("a"), start, end, quote ? [[start, end, quote]] : []]));
    } else if (named.get("c") !== null) {
      const turn = Number(named.get("t")) - 1;
      tell("dl-side", { do: "open", id: named.get("c"), ...(turn >= 0 && { turn }) });
    }
  };
  window.addEventListener("hashchange", follow);

  /* ---------------------------------------------------------------- what buttons do */
  const save = (file) => {
    const bytes = Uint8Array.from(atob(file.data), (c) => c.charCodeAt(0));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([bytes], { type: file.kind }));
    link.download = file.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  // Where the page is no secure context, such as http in a house network, browsers offer the old way only.
  const copyBySelection = (text, html) => {
    let done = false;
    const put = (event) => {
      event.preventDefault();
      event.clipboardData.setData("text/plain", text);
      if (html) event.clipboardData.setData("text/html", html);
      done = true;
    };
    document.addEventListener("copy", put, { once: true });
    document.execCommand("copy");
    document.removeEventListener("copy", put);
    return done;
  };
  const toClipboard = async (text, html, button, done = "Copied") => {
    const part = (type, value) => ({ [type]: new Blob([value], { type }) });
    let told = done;
    try {
      await navigator.clipboard.write([
        new ClipboardItem({ ...part("text/plain", text), ...(html && part("text/html", html)) }),
      ]);
    } catch {
      if (!copyBySelection(text, html)) told = "This browser does not let pages copy";
    }
    if (!button || button.matches(".dl-icon, .dl-menu *")) return say(told);
    const before = button.dataset.label ?? (button.dataset.label = button.textContent);
    button.textContent = told;
    setTimeout(() => (button.textContent = before), 2000);
  };
  const copy = (turn, button) => {
    const answer = turn.querySelector(".dl-answer").cloneNode(true);
    answer.querySelectorAll(".dl-dim, .dl-tool, .dl-copyquote").forEach((part) => part.remove());
    answer.querySelectorAll("button").forEach((mark) => mark.replaceWith(mark.textContent));
    answer.style.cssText = "position: fixed; left: -10000px";
    document.body.append(answer); // innerText needs a laid out element
    const [text, html] = [answer.innerText, answer.innerHTML];
    answer.remove();
    toClipboard(text, html, button);
  };
  const copyQuote = (button) => {
    const block = button.closest("[data-source]");
    const words = (block.querySelector(".dl-words") || block.firstChild).textContent.trim();
    const made = document.createElement("blockquote");
    made.append(words, document.createElement("br"), `— ${block.dataset.source}`);
    toClipboard(`“${words}” (${block.dataset.source})`, made.outerHTML, button);
  };
  const copyArticleLink = (button) => {
    const article = button.closest("[data-article]");
    const mark = article.querySelector("mark.dl-quote") || article.querySelector(".dl-passage");
    const parts = { a: article.dataset.article };
    if (mark) {
      const before = document.createRange();
      before.selectNodeContents(article.querySelector(".dl-text"));
      before.setEndBefore(mark);
      // Offsets count characters, as Python does, and not halves of them.
      parts.s = [...before.toString()].length;
      parts.e = parts.s + [...mark.textContent].length;
      if (mark.matches("mark")) parts.q = mark.textContent;
    }
    toClipboard(address(parts), "", button);
  };
  const form = (place, label, value, submit, done, empty = false) => {
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
      if (!box.value.trim() && !empty) return;
      made.remove();
      done(box.value);
    };
    made.onsubmit = send;
    // Not as a handler that returns something: false would forbid the key.
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey) send(event);
    });
    place.querySelector(".dl-form")?.remove();
    // Above what may be asked next, which comes later and would push it out of view.
    place.insertBefore(made, place.querySelector(":scope > .dl-next"));
    box.focus();
    box.select();
    made.scrollIntoView({ block: "nearest" });
  };
  const sure = (button, words, done) => {
    if (button.dataset.sure) return done();
    button.dataset.sure = "1";
    button.classList.add("dl-sure");
    button.textContent = words;
  };
  const print = () => {
    document.querySelectorAll("#dl-feed details.dl-sources:not(.dl-dim)").forEach((part) => (part.open = true));
    window.print();
  };
  const goTo = (tab) => [...document.querySelectorAll("#dl-tabs [role=tab]")].find((b) => b.textContent.trim() === tab)?.click();
  const newOne = () => document.querySelector("#dl-new")?.click();

  const ofPage = {
    menu: () => menu(),
    help: () => byId("dl-help").showModal(),
    articles: () => goTo("Articles"),
    theme: () => nextTheme(),
    api: () => document.querySelector("footer .show-api")?.click(), // Gradio's own sheet
    print,
  };
  const ofConversation = {
    open: (b) => {
      tell("dl-side", { do: "open", id: b.dataset.id, ...(b.dataset.turn && { turn: Number(b.dataset.turn) }) });
      goTo("Ask");
      menu(false);
    },
    rename: (b) =>
      form(b.closest(".dl-item"), "Name (none for the first question)", b.dataset.name, "Rename", (text) =>
        tell("dl-side", { do: "rename", id: b.dataset.id, text }), true),
    link: (b) => toClipboard(address({ c: b.dataset.id }), "", b),
    export: (b) => tell("dl-side", { do: "export", id: b.dataset.id, form: b.dataset.form }),
    forget: (b) => sure(b, "Really delete it", () => tell("dl-side", { do: "forget", id: b.dataset.id })),
    pin: (b) => tell("dl-side", { do: "pin", id: b.dataset.id }),
    unpin: (b) => tell("dl-side", { do: "unpin", id: b.dataset.id }),
  };
  const ofTurn = {
    copy: (b, turn) => copy(turn, b),
    quote: (b) => copyQuote(b),
    again: (b, turn, where) => tell("dl-asked", { do: "again", ...where }),
    refine: (b) => {
      tell("dl-done", { do: "refine", since: b.dataset.since, until: b.dataset.until });
      const filters = document.querySelector("#dl-options > button, #dl-options .label-wrap");
      if (filters && !filters.classList.contains("open")) filters.click();
      say("These days are filters now. Change them, then ask again.");
    },
    all: (b, turn, where) => tell("dl-asked", { do: "all", ...where }),
    timeline: (b, turn, where) => tell("dl-asked", { do: "timeline", ...where }),
    without: (b, turn, where) => tell("dl-asked", { do: "without", name: b.dataset.name, ...where }),
    link: (b, turn, where) => toClipboard(address({ c: where.conversation, t: where.turn + 1 }), "", b),
    export: (b, turn, where) =>
      tell("dl-side", { do: "export", id: where.conversation, turn: where.turn, form: b.dataset.form }),
    edit: (b, turn, where, asked) =>
      form(turn.querySelector(".dl-asked"), "Ask otherwise, in a new conversation", asked, "Submit", (text) =>
        tell("dl-asked", { do: "edit", text, ...where })),
    like: (b, turn, where, asked) => judge(turn, "like", where, asked),
    dislike: (b, turn, where, asked) => judge(turn, "dislike", where, asked),
  };
  const judge = (turn, what, where, asked) => {
    localStorage.setItem(verdictKey(turn), what);
    showVerdict(turn);
    tell("dl-done", { do: what, ...where });
    form(turn, `What would be right for “${asked}”? (optional)`, "", "Keep the correction", (correction) =>
      tell("dl-done", { do: what, correction, ...where }));
  };
  const act = (button) => {
    const what = button.dataset.do;
    const turn = button.closest(".dl-turn");
    if (!/^(forget)$/.test(what)) button.closest("details.dl-menu")?.removeAttribute("open");
    if (ofPage[what]) ofPage[what]();
    else if (button.dataset.id && ofConversation[what]) ofConversation[what](button);
    else if (what === "ask") tell("dl-asked", { do: what, text: button.textContent });
    else if (what === "link-article") copyArticleLink(button);
    else if (/-model$|^stop-fetching$/.test(what)) tell("dl-model-do", { do: what, name: button.dataset.name });
    else if (turn) {
      const where = { turn: Number(turn.dataset.turn), conversation: turn.dataset.conversation };
      const asked = turn.querySelector(".dl-question").textContent;
      if (ofTurn[what]) ofTurn[what](button, turn, where, asked);
      else tell("dl-done", { do: what, ...where });
    } else tell("dl-done", { do: what, name: button.dataset.name, value: button.dataset.value });
  };
  document.addEventListener("click", (event) => {
    const cite = event.target.closest("[data-place]");
    const button = event.target.closest("[data-do]");
    if (cite) openPlace(cite.dataset.place, cite);
    else if (button) act(button);
    else if (event.target.closest("#dl-close")) close();
    else if (event.target.closest("#dl-new")) {
      goTo("Ask");
      menu(false);
    }
    document.querySelectorAll("details.dl-menu[open]").forEach((each) => {
      if (!each.contains(event.target)) each.removeAttribute("open");
    });
  });

  /* ---------------------------------------------------------------- the keyboard */
  let keysOn = true;
  let prefix = "";
  const inView = () => {
    const turns = [...document.querySelectorAll(".dl-turn")];
    return turns.filter((turn) => turn.getBoundingClientRect().top < window.innerHeight / 2).pop() || turns[0];
  };
  const step = (by) => {
    const turns = [...document.querySelectorAll(".dl-turn")];
    const next = turns[Math.min(Math.max(turns.indexOf(inView()) + by, 0), turns.length - 1)];
    next?.scrollIntoView({ block: "start" });
  };
  const press = (selector, within = inView()) => within?.querySelector(selector)?.click();
  const keys = {
    "/": () => (goTo("Ask"), field("dl-question")?.focus()),
    n: () => newOne(),
    j: () => step(1),
    k: () => step(-1),
    c: () => press("[data-do=copy]"),
    l: () => press(".dl-tools [data-do=link]"),
    s: () => (window.innerWidth < 1100 && menu(true), field("dl-search")?.focus()),
    t: () => nextTheme(),
    p: () => print(),
    "?": () => byId("dl-help").showModal(),
  };
  const after = { a: () => goTo("Articles"), q: () => goTo("Ask"), s: () => goTo("Settings") };
  const escape = () => {
    const menuOpen = document.querySelector("details.dl-menu[open]");
    if (byId("dl-help").open) return; // the sheet shuts itself
    if (menuOpen) {
      menuOpen.removeAttribute("open");
      menuOpen.querySelector("summary").focus();
    } else if (document.body.classList.contains("dl-menu-open")) menu(false);
    else if (reading()) close();
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return escape();
    const typing = event.target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable=true]");
    if (!keysOn || typing || event.ctrlKey || event.metaKey || event.altKey || byId("dl-help").open) return;
    const todo = prefix === "g" ? after[event.key] : keys[event.key];
    prefix = prefix === "" && event.key === "g" ? "g" : "";
    if (/^[1-9]$/.test(event.key)) {
      [...(inView()?.querySelectorAll(".dl-cite") || [])].find((mark) => mark.textContent === `[${event.key}]`)?.click();
    } else if (todo) {
      event.preventDefault();
      todo();
    }
  });

  /* ---------------------------------------------------------------- light and dark */
  const THEMES = ["system", "light", "dark"];
  const chosenTheme = () => localStorage.getItem(THEME) || "system";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const paint = () => {
    const wanted = chosenTheme() === "dark" || (chosenTheme() === "system" && dark.matches);
    if (document.body.classList.contains("dark") !== wanted) document.body.classList.toggle("dark", wanted);
    document.querySelectorAll(".dl-theme").forEach((word) => {
      if (word.textContent !== chosenTheme()) word.textContent = chosenTheme();
    });
  };
  const theme = (name) => {
    if (!THEMES.includes(name)) return;
    localStorage.setItem(THEME, name);
    paint();
  };
  // The choice on the tab "Settings" is the one that is kept.
  const nextTheme = () => {
    const name = THEMES[(THEMES.indexOf(chosenTheme()) + 1) % THEMES.length];
    theme(name);
    say(`Theme: ${name}`);
    document.querySelector(`#dl-theme input[value="${name}"]`)?.click();
  };
  dark.addEventListener("change", () => setTimeout(paint));
  new MutationObserver(paint).observe(document.body, { attributes: true, attributeFilter: ["class"] });

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
    say(`“${text}” is no day, so it does not filter. Write it as 2025-10-19.`);
    setTimeout(() => tell("dl-done", { do: "unfilter", name: box.id.slice(3) }), 300);
  });

  // Gradio gives the buttons that open a calendar no name.
  const name = () => {
    document.querySelectorAll("button.calendar:not([aria-label])").forEach((button) => {
      button.setAttribute("aria-label", "Choose a day");
    });
    paint();
  };
  new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
  name();
  window.dateline = { show: open, read, theme, keys: (on) => (keysOn = on) };
  read();
  if (/^#a=/.test(location.hash)) follow();
}
