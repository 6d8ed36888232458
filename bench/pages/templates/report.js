/* Sorting, filtering and columns of tables, their state in the address, charts, and the copy button.
   A classic script: pages open from a disk, where modules and requests are blocked. */
(function () {
  "use strict";

  var data = window.adaptbench || { sheets: {}, charts: {}, look: {} };
  var collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  document.documentElement.classList.add("script");

  function element(tag, attributes, children) {
    var made = document.createElement(tag);
    Object.keys(attributes || {}).forEach(function (name) {
      if (name === "text") made.textContent = attributes[name];
      else if (attributes[name] !== null) made.setAttribute(name, attributes[name]);
    });
    (children || []).forEach(function (child) { made.append(child); });
    return made;
  }

  /* ---- cells: a text, or [text, number to sort by, link, warnings] ---- */

  function textOf(cell) { return typeof cell === "string" ? cell : cell[0]; }
  function warningsOf(cell) { return typeof cell === "string" ? [] : cell[3]; }
  function numberOf(cell) { return typeof cell === "string" ? null : cell[1]; }
  function wordsOf(cell) { return [textOf(cell)].concat(warningsOf(cell)).filter(Boolean).join(", "); }

  function compare(column, direction) {
    var sign = direction === "down" ? -1 : 1;
    return function (a, b) {
      var x = numberOf(a[column]), y = numberOf(b[column]);
      if (x !== null && y !== null) return sign * (x - y);
      var s = wordsOf(a[column]), t = wordsOf(b[column]);
      if ((x !== null || s !== "") !== (y !== null || t !== "")) return x !== null || s !== "" ? -1 : 1; // unknown: last
      if ((x === null) !== (y === null)) return x === null ? 1 : -1;
      return sign * collator.compare(s, t);
    };
  }

  /* Names break after their brackets and commas, not within a word. */
  function breakable(text) {
    var made = document.createDocumentFragment();
    text.split(/(?<=[[,/:])(?=\S)/).forEach(function (piece, i) {
      if (i) made.append(document.createElement("wbr"));
      made.append(piece);
    });
    return made;
  }

  /* ---- the state of a page's table is its address: #sort=accuracy&dir=down&q=lora&cols=a,b&all=1 ---- */

  function readState() { return new URLSearchParams(location.hash.indexOf("=") < 0 ? "" : location.hash.slice(1)); }

  function writeState(state) {
    var text = state.toString();
    history.replaceState(null, "", text ? "#" + text : location.pathname);
  }

  function Sheet(section, sheet) {
    var table = section.querySelector("table");
    this.sheet = sheet;
    this.root = section.dataset.root;
    this.most = Number(section.dataset.most);
    this.head = table.tHead.rows[0];
    this.body = table.tBodies[0];
    this.searched = sheet.rows.map(function (row) { return row.map(wordsOf).join("\n").toLowerCase(); });
    this.tools(section);
    this.headings();
    this.restore();
  }

  Sheet.prototype.tools = function (section) {
    var self = this, id = "filter-" + section.dataset.sheet;
    this.search = element("input", { type: "search", id: id, autocomplete: "off", spellcheck: "false" });
    this.search.addEventListener("input", function () { self.change({ q: self.search.value || null }); });
    this.status = element("p", { role: "status" });
    this.all = element("button", { type: "button" });
    this.all.addEventListener("click", function () { self.change({ all: self.state.get("all") ? null : "1" }); });
    var csv = element("button", { type: "button", text: "CSV of these rows" });
    csv.addEventListener("click", function () { self.download(section.dataset.sheet); });
    section.prepend(element("div", { class: "tools" }, [
      element("label", { for: id, text: "Filter" }), this.search, this.columnMenu(), csv, this.all, this.status
    ]));
  };

  Sheet.prototype.columnMenu = function () {
    var self = this;
    this.boxes = this.sheet.columns.map(function (column) {
      var box = element("input", { type: "checkbox" });
      box.addEventListener("change", function () { self.change({ cols: self.chosenColumns() }); });
      return box;
    });
    var labels = this.sheet.columns.map(function (column, i) {
      return element("label", { title: column.hint || null }, [self.boxes[i], " " + column.label]);
    });
    var legend = element("legend", { class: "unseen", text: "Columns shown" });
    var menu = element("details", { class: "menu" }, [
      element("summary", { text: "Columns" }), element("fieldset", {}, [legend].concat(labels))
    ]);
    menu.addEventListener("keydown", function (event) {
      if (event.key === "Escape") { menu.open = false; menu.firstChild.focus(); }
    });
    return menu;
  };

  Sheet.prototype.chosenColumns = function () {
    var columns = this.sheet.columns;
    var usual = this.boxes.every(function (box, i) { return box.checked !== columns[i].hidden; });
    if (usual) return null;
    return columns.filter(function (column, i) { return this.boxes[i].checked; }, this).map(function (column) {
      return column.key;
    }).join(",");
  };

  Sheet.prototype.headings = function () {
    var self = this;
    this.sheet.columns.forEach(function (column, i) {
      var button = element("button", { type: "button", text: column.label, title: column.hint || null });
      button.addEventListener("click", function () {
        var order = self.order(), turned = order[1] === "down" ? "up" : "down";
        self.change({ sort: column.key, dir: order[0] === column.key ? turned : column.first });
      });
      self.head.cells[i].replaceChildren(button);
      self.head.cells[i].removeAttribute("title");
    });
  };

  Sheet.prototype.order = function () {
    return this.state.get("sort") ? [this.state.get("sort"), this.state.get("dir") || "up"] : this.sheet.sort;
  };

  Sheet.prototype.change = function (values) {
    Object.keys(values).forEach(function (name) {
      if (values[name] === null) this.state.delete(name);
      else this.state.set(name, values[name]);
    }, this);
    writeState(this.state);
    this.show();
  };

  Sheet.prototype.restore = function () {
    this.state = readState();
    this.search.value = this.state.get("q") || "";
    var chosen = this.state.get("cols"), named = chosen === null ? null : chosen.split(",");
    this.boxes.forEach(function (box, i) {
      var column = this.sheet.columns[i];
      box.checked = named ? named.indexOf(column.key) >= 0 : !column.hidden;
    }, this);
    this.show();
  };

  Sheet.prototype.chosenRows = function () {
    var sheet = this.sheet, searched = this.searched, order = this.order();
    var words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    var rows = sheet.rows.map(function (_, i) { return i; }).filter(function (i) {
      return words.every(function (word) { return searched[i].indexOf(word) >= 0; });
    });
    var column = sheet.columns.findIndex(function (c) { return c.key === order[0]; });
    if (column < 0) return rows;
    var by = compare(column, order[1]);
    return rows.sort(function (a, b) { return by(sheet.rows[a], sheet.rows[b]) || a - b; });
  };

  Sheet.prototype.show = function () {
    var rows = this.chosenRows(), total = this.sheet.rows.length, order = this.order();
    var shown = this.state.get("all") ? rows : rows.slice(0, this.most);
    var visible = this.boxes.map(function (box) { return box.checked; });
    var fragment = document.createDocumentFragment();
    shown.forEach(function (i) { fragment.append(this.row(i, visible)); }, this);
    this.body.replaceChildren(fragment);
    this.sheet.columns.forEach(function (column, i) {
      var cell = this.head.cells[i], sorted = column.key === order[0];
      cell.hidden = !visible[i];
      if (sorted) cell.setAttribute("aria-sort", order[1] === "down" ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    }, this);
    this.all.hidden = rows.length <= this.most;
    this.all.textContent = this.state.get("all") ? "Show the first " + this.most : "Show all " + rows.length.toLocaleString("en");
    this.status.textContent = told(shown.length, rows.length, total);
  };

  function told(shown, found, total) {
    var text = (found === total ? "" : found.toLocaleString("en") + " of ") + total.toLocaleString("en") + (total === 1 ? " row" : " rows");
    return shown < found ? text + ", the first " + shown + " shown" : text;
  }

  Sheet.prototype.row = function (i, visible) {
    var cells = this.sheet.rows[i], row = element("tr", { class: this.sheet.kinds[i] || null });
    this.sheet.columns.forEach(function (column, place) {
      if (!visible[place]) return;
      var naming = place === this.sheet.naming;
      var made = element(naming ? "th" : "td", { class: naming ? "name" : column.kind, scope: naming ? "row" : null });
      this.fill(made, cells[place]);
      row.append(made);
    }, this);
    return row;
  };

  Sheet.prototype.fill = function (place, cell) {
    var text = numberOf(cell) === null ? breakable(textOf(cell)) : textOf(cell);
    if (typeof cell !== "string" && cell[2]) place.append(element("a", { href: this.root + cell[2] }, [text]));
    else place.append(text);
    warningsOf(cell).forEach(function (warning) { place.append(" ", element("span", { class: "warning", text: warning })); });
  };

  Sheet.prototype.download = function (name) {
    var visible = this.boxes.map(function (box) { return box.checked; });
    var rows = [this.sheet.columns.map(function (column) { return column.label; })];
    this.chosenRows().forEach(function (i) { rows.push(this.sheet.rows[i].map(wordsOf)); }, this);
    var text = rows.map(function (row) {
      return row.filter(function (_, i) { return visible[i]; }).map(quoted).join(",");
    }).join("\n");
    var address = URL.createObjectURL(new Blob([text + "\n"], { type: "text/csv" }));
    element("a", { href: address, download: name + ".csv" }).click();
    setTimeout(function () { URL.revokeObjectURL(address); }, 1000);
  };

  function quoted(text) {
    if (/^[=@\t\r]|^[+-](?!\d)/.test(text)) text = "'" + text; // a spreadsheet would run it
    return /[",\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  }

  /* ---- two methods against each other ---- */

  function Chooser(section, sheet) {
    this.sheet = sheet;
    this.answer = section.querySelector(".answer");
    this.selects = ["a", "b"].map(function (name) { return section.querySelector("select[name=" + name + "]"); });
    var names = [];
    sheet.rows.forEach(function (row) {
      [row[0], row[1]].forEach(function (cell) { if (names.indexOf(textOf(cell)) < 0) names.push(textOf(cell)); });
    });
    var state = readState(), self = this;
    this.selects.forEach(function (select, i) {
      names.forEach(function (name) { select.append(element("option", { value: name, text: name })); });
      select.value = names[i];
      if (names.indexOf(state.get(select.name)) >= 0) select.value = state.get(select.name);
      select.addEventListener("change", function () {
        var now = readState();
        self.selects.forEach(function (each) { now.set(each.name, each.value); });
        writeState(now);
        self.show();
      });
    });
    section.hidden = false;
    this.show();
  }

  Chooser.prototype.show = function () {
    var a = this.selects[0].value, b = this.selects[1].value;
    var row = this.sheet.rows.find(function (cells) {
      var pair = [textOf(cells[0]), textOf(cells[1])];
      return (pair[0] === a && pair[1] === b) || (pair[0] === b && pair[1] === a);
    });
    if (!row) { this.answer.replaceChildren(element("p", { text: "Choose two different methods." })); return; }
    var turned = textOf(row[0]) !== a;
    var list = element("dl", {});
    this.sheet.columns.forEach(function (column, i) {
      if (column.key === "a" || column.key === "b" || column.key === "verdict" || !wordsOf(row[i])) return;
      var label = column.key === "difference" ? column.label.replace("A less B", textOf(row[0]) + " less " + textOf(row[1])) : column.label;
      list.append(element("div", {}, [element("dt", { text: label }), element("dd", { text: wordsOf(row[i]) })]));
    });
    var verdict = this.sheet.columns.findIndex(function (column) { return column.key === "verdict"; });
    this.answer.replaceChildren(element("p", { class: "verdict", text: wordsOf(row[verdict]) }), list);
    this.answer.dataset.turned = turned;
  };

  /* ---- charts ---- */

  var DARK = {
    '"#222222"': '"#e6e8ea"', '"#5f5f5f"': '"#a9b0b8"', '"#dddddd"': '"#3a4048"', '"background":"white"': '"background":"#16181c"',
    '"value":"white"': '"value":"#16181c"', '"stroke":"white"': '"stroke":"#16181c"'
  };

  function themed(chart, printed) {
    if (!dark.matches || printed) return chart;
    var text = JSON.stringify(chart);
    Object.keys(DARK).forEach(function (light) { text = text.split(light).join(DARK[light]); });
    return JSON.parse(text);
  }

  function draw(place, printed) {
    if (!data.charts[place.dataset.chart] || !window.vegaEmbed) return Promise.resolve();
    var chart = Object.assign({}, data.look, data.charts[place.dataset.chart]);
    place.dataset.drawn = "yes";
    return window.vegaEmbed(place, themed(chart, printed), { actions: false, renderer: "svg" });
  }

  function charts() {
    var all = Array.from(document.querySelectorAll(".chart"));
    if (!all.length) return;
    var watch = new IntersectionObserver(function (entries) {
      entries.forEach(function (entry) {
        if (entry.isIntersecting) { watch.unobserve(entry.target); draw(entry.target); }
      });
    }, { rootMargin: "400px" });
    all.forEach(function (place) { watch.observe(place); });
    dark.addEventListener("change", function () {
      all.filter(function (place) { return place.dataset.drawn; }).forEach(function (place) { draw(place); });
    });
    window.addEventListener("beforeprint", function () { all.forEach(function (place) { draw(place, true); }); });
  }

  /* ---- the command of a record ---- */

  function copyButton() {
    var code = document.getElementById("command");
    if (!code) return;
    var said = element("span", { role: "status" });
    var button = element("button", { type: "button", text: "Copy" });
    button.addEventListener("click", function () {
      copy(code).then(function (done) { said.textContent = done ? " Copied." : " Press Ctrl-C to copy."; });
    });
    code.parentElement.after(element("p", {}, [button, said]));
  }

  function copy(code) {
    var range = document.createRange();
    range.selectNodeContents(code);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    if (!navigator.clipboard) return Promise.resolve(document.execCommand("copy"));
    return navigator.clipboard.writeText(code.textContent).then(function () { return true; }, function () { return document.execCommand("copy"); });
  }

  var sheets = Array.from(document.querySelectorAll(".sheet")).filter(function (section) {
    return data.sheets[section.dataset.sheet];
  }).map(function (section) { return new Sheet(section, data.sheets[section.dataset.sheet]); });
  document.querySelectorAll(".chooser").forEach(function (section) {
    if (data.sheets[section.dataset.sheet]) new Chooser(section, data.sheets[section.dataset.sheet]);
  });
  window.addEventListener("hashchange", function () { sheets.forEach(function (sheet) { sheet.restore(); }); });
  charts();
  copyButton();
})();
