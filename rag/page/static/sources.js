/* The articles: what is wanted of them is kept here, asked of the server, and shown as it says. */
(() => {
  const WANTED = "dateline-articles";
  const SEEN = "dateline-seen";
  const LOOK = 20000; // milliseconds between two looks whether other programs have added articles
  const stored = (store, name) => {
    try {
      return JSON.parse(store.getItem(name)) || {};
    } catch {
      return {};
    }
  };
  let wanted = stored(sessionStorage, WANTED);
  const ticked = new Map(); // titles by id
  const open = new Map(); // which facets were opened or closed
  let known = "";
  let asked = 0;
  // What was indexed after the last visit is new; a first visit has seen nothing, so nothing is.
  const seen = localStorage.getItem(SEEN) || "";

  const place = () => document.getElementById("dl-sources");
  const field = (id) => document.querySelector(`#${id} textarea, #${id} input`);
  const tell = (id, text) => {
    const box = field(id);
    if (!box) return;
    box.value = text;
    box.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const say = (text) => {
    const said = document.getElementById("dl-sources-said");
    if (said) said.textContent = text;
  };
  const post = async (name, body) => {
    const answer = await fetch(`/sources/${name}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error([told.error || "The page did not answer.", told.hint || ""].join(" ").trim());
    return told;
  };

  /* ---------------------------------------------------------------- showing */
  const keyOf = (element) => {
    const d = element?.dataset || {};
    return element && element.closest?.("#dl-sources")
      ? JSON.stringify([d.src, d.name, d.value, d.since, d.tick, d.place, element.id])
      : "";
  };
  const counts = () => {
    const main = place()?.querySelector(".dl-src-main");
    if (!main) return;
    const n = ticked.size;
    main.querySelector(".dl-ticked").textContent = n ? `${n} ticked` : "None ticked";
    main.querySelector(".dl-needs").hidden = !n;
    main.querySelectorAll("[data-tick]").forEach((box) => (box.checked = ticked.has(box.dataset.tick)));
    const all = main.querySelector("[data-src-page]");
    const boxes = [...main.querySelectorAll("[data-tick]")];
    if (all) all.checked = boxes.length > 0 && boxes.every((box) => box.checked);
  };
  /* Where there is no room beside the list, what narrows it is folded away (sources.css), unless somebody unfolded it. */
  let unfolded = false;
  const fold = () => place()?.querySelector(".dl-narrow-button")?.setAttribute("aria-expanded", String(unfolded));
  const show = async ({ keep = true } = {}) => {
    if (!place()) return;
    const turn = ++asked;
    sessionStorage.setItem(WANTED, JSON.stringify(wanted));
    try {
      const found = await post("list", { ...wanted, seen });
      if (turn !== asked || !place()) return; // a newer one is on its way
      const focus = keep ? keyOf(document.activeElement) : "";
      place().innerHTML = found.html;
      known = found.state;
      place().querySelectorAll("details[data-key]").forEach((part) => {
        if (open.has(part.dataset.key)) part.open = open.get(part.dataset.key);
        part.addEventListener("toggle", () => open.set(part.dataset.key, part.open));
      });
      fold();
      counts();
      if (focus)
        [...place().querySelectorAll("button, input, select")].find((each) => keyOf(each) === focus)?.focus();
    } catch (error) {
      say(error.message);
    }
  };
  const change = (more) => {
    wanted = { ...wanted, page: 0, ...more };
    return show();
  };
  /* After articles or collections have changed: the list, and what Gradio shows of them. */
  const changed = async () => {
    await show();
    tell("dl-changed", String(Date.now()));
  };
  const work = async (button, name, body) => {
    button?.setAttribute("disabled", "");
    say("…");
    try {
      const told = await post(name, body);
      say(told.said || "");
      await changed();
      return told;
    } catch (error) {
      say(error.message);
      return null;
    } finally {
      button?.removeAttribute("disabled");
    }
  };

  /* ---------------------------------------------------------------- asking for words and for a "really" */
  const form = (after, label, value, submit, done, { sure = false } = {}) => {
    document.querySelector(".dl-src-form")?.remove();
    const made = document.createElement("form");
    made.className = "dl-src-form";
    made.innerHTML =
      "<label><span></span><input type='text' maxlength='300'></label>" +
      "<button type='submit' class='dl-tool'></button><button type='button' class='dl-tool'>Cancel</button>";
    made.querySelector("span").textContent = label;
    made.querySelector("[type=submit]").textContent = submit;
    const box = made.querySelector("input");
    if (sure) box.remove();
    else box.value = value;
    const shut = () => {
      made.remove();
      after.isConnected && after.focus();
    };
    made.querySelector("[type=button]").onclick = shut;
    made.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      shut();
    });
    made.onsubmit = (event) => {
      event.preventDefault();
      if (!sure && !box.value.trim()) return;
      made.remove();
      done(sure ? "" : box.value.trim());
    };
    after.insertAdjacentElement("afterend", made);
    (sure ? made.querySelector("[type=submit]") : box).focus();
  };
  const ids = () => [...ticked.keys()];
  const askOnly = (only) => {
    tell("dl-only", JSON.stringify(only));
    [...document.querySelectorAll('button[role="tab"]')].find((tab) => tab.textContent.trim() === "Ask")?.click();
    setTimeout(() => field("dl-question")?.focus(), 50);
  };
  const without = (list, value) => (list || []).filter((each) => each !== value);

  const deeds = {
    facet: (b) => {
      const { name, value } = b.dataset;
      const on = b.getAttribute("aria-pressed") === "true";
      change({ [name]: on ? without(wanted[name], value) : [...(wanted[name] || []), value] });
    },
    days: (b) => change({ since: b.dataset.since, until: b.dataset.until, undated: false }),
    unfold: () => {
      unfolded = !unfolded;
      fold();
    },
    step: (b) => change({ step: b.dataset.value }),
    undated: () => change({ undated: !wanted.undated, since: "", until: "" }),
    sort: (b) => {
      const by = b.dataset.value;
      const again = wanted.order === by;
      change({ order: by, descending: again ? !wanted.descending : b.dataset.down === "true" });
    },
    page: (b) => change({ page: Number(b.dataset.value) }).then(() => place().scrollIntoView({ block: "start" })),
    collection: (b) => change({ collection: b.getAttribute("aria-pressed") === "true" ? "" : b.dataset.value }),
    drop: (b) => {
      const { name, value } = b.dataset;
      if (name === "days") change({ since: "", until: "" });
      else if (name === "text") {
        const box = document.getElementById("dl-src-text");
        if (box) box.value = "";
        change({ text: "", order: undefined });
      } else if (name === "collection") change({ collection: "" });
      else if (name === "undated") change({ undated: false });
      else change({ [name]: without(wanted[name], value) });
    },
    reset: () => {
      const box = document.getElementById("dl-src-text");
      if (box) box.value = "";
      wanted = {};
      show();
    },
    ask: () => askOnly({ articles: ids() }),
    "ask-collection": (b) => askOnly({ collections: [b.dataset.value] }),
    "tick-all": async () => {
      const found = await post("all", wanted);
      found.articles.forEach(([id, title]) => ticked.set(id, title));
      counts();
    },
    untick: () => {
      ticked.clear();
      counts();
    },
    make: (b) =>
      form(b, "Name of the new collection", "", ticked.size ? `Make it of the ${ticked.size} ticked` : "Make it", (name) =>
        work(b, "collection", { do: "make", name, ids: ids() })),
    rename: (b) =>
      form(b, "Its new name", "", "Rename", (name) => work(b, "collection", { do: "rename", id: b.dataset.value, name })),
    forget: (b) =>
      form(b, "Its articles stay in the index.", "", "Really delete the collection", () => {
        const id = b.dataset.value;
        wanted.collection = "";
        work(b, "collection", { do: "delete", id });
      }, { sure: true }),
    "take-out": (b) => work(b, "collection", { do: "remove", id: b.dataset.value, ids: ids() }),
    delete: (b) =>
      form(b, `${ticked.size} ${ticked.size === 1 ? "article goes" : "articles go"} from the index, for everybody.`, "",
        "Really delete", async () => {
          const told = await work(b, "delete", { ids: ids() });
          if (told) told.gone.forEach((id) => ticked.delete(id));
          counts();
        }, { sure: true }),
    watch: (b) => form(b, "Address of a feed or page", "", "Watch it", (what) => work(b, "watch", { do: "add", what })),
    refresh: (b) => work(b, "watch", { do: "refresh", what: b.dataset.value }),
    unwatch: (b) => work(b, "watch", { do: "remove", what: b.dataset.value }),
    /* In the article beside the list. */
    correct: (b) => b.closest(".dl-article").querySelector(".dl-correct").toggleAttribute("hidden"),
    earlier: async (b) => {
      const shown = b.parentElement.querySelector(".dl-earlier");
      if (shown) return shown.remove();
      try {
        const found = await post("earlier", { id: b.dataset.value, n: Number(b.dataset.n) });
        b.insertAdjacentHTML("afterend", found.html);
      } catch (error) {
        say(error.message);
      }
    },
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-src]");
    if (button && deeds[button.dataset.src]) deeds[button.dataset.src](button);
  });
  document.addEventListener("change", (event) => {
    const box = event.target;
    if (box.dataset?.tick !== undefined && box.closest("#dl-sources")) {
      if (box.checked) ticked.set(box.dataset.tick, box.getAttribute("aria-label"));
      else ticked.delete(box.dataset.tick);
      counts();
    } else if (box.matches?.("[data-src-page]")) {
      place().querySelectorAll("[data-tick]").forEach((each) => {
        if (box.checked) ticked.set(each.dataset.tick, each.getAttribute("aria-label"));
        else ticked.delete(each.dataset.tick);
      });
      counts();
    } else if (box.matches?.("[data-src-into]") && box.value) {
      const into = box.value;
      box.value = "";
      if (into === "new") deeds.make(box);
      else work(null, "collection", { do: "add", id: into, ids: ids() });
    }
  });
  document.addEventListener("submit", async (event) => {
    if (event.target.id === "dl-src-search") {
      event.preventDefault();
      change({ text: document.getElementById("dl-src-text").value, order: undefined });
    } else if (event.target.matches(".dl-correct")) {
      event.preventDefault();
      const made = event.target;
      const said = made.querySelector("[role=status]");
      try {
        const values = Object.fromEntries(new FormData(made));
        const told = await post("correct", { id: made.dataset.id, ...values });
        await changed();
        tell("dl-place", JSON.stringify([made.dataset.id, 0, 0, []]) + " ".repeat(Date.now() % 97));
        const box = document.getElementById("dl-sources-said");
        if (box) box.textContent = told.said;
      } catch (error) {
        said.textContent = error.message;
      }
    }
  });

  /* ---------------------------------------------------------------- when it is there, and when it has changed */
  const begin = () => {
    const here = place();
    if (!here || here.dataset.begun) return;
    here.dataset.begun = "yes";
    const box = document.getElementById("dl-src-text");
    if (box) box.value = wanted.text || "";
    show({ keep: false });
  };
  const look = async () => {
    if (document.hidden || !known) return;
    const now = await post("state", {}).catch(() => null);
    if (now && now.state !== known) {
      const before = Number(known.split(" ")[0]);
      const more = now.articles - before;
      if (more > 0) say(`${more} new ${more === 1 ? "article" : "articles"}.`);
      await changed();
    }
  };
  addEventListener("DOMContentLoaded", () => {
    new MutationObserver(begin).observe(document.body, { childList: true, subtree: true });
    begin();
    setInterval(look, LOOK);
  });
  addEventListener("pagehide", () => localStorage.setItem(SEEN, new Date().toISOString().slice(0, 19) + "+00:00"));
  window.datelineSources = { show, look };
})();
