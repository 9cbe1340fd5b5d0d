(() => {
  const { season } = JSON.parse(document.getElementById("plots").textContent);
  const { stars, nights, bjd, step, curves } = season;
  const count = stars.tic_id.length;
  const byId = (id) => document.getElementById(id);
  const numbers = (text) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return new DataView(bytes.buffer);
  };
  const [means, errors] = [numbers(season.mean), numbers(season.error)];
  const rowOf = new Map(season.with_means.map((star, row) => [star, row]));
  const known = stars.name || [];
  const labels = {
    gaia_id: "Gaia id", tic_id: "TIC id", name: "name", known_kind: "known as", known_period_d: "known period, d", ra_deg: "RA", dec_deg: "Dec", Tmag: "Tmag", gaiabp: "Gaia BP", gaiarp: "Gaia RP",
    radius_px: "aperture, px", nights: "nights", points: "points", rms: "scatter of points", rms_expected: "expected",
    rms_night: "scatter of nights", rms_night_expected: "expected of nights", period_d: "period, d", period_fap: "chance", amplitude: "amplitude",
    alias_d: "alias, d", dip_period_d: "period of dips, d", dip_t0_bjd: "middle, BJD", dip_depth: "depth", dip_duration_h: "length, h",
    dip_snr: "depth / error", dips: "dips seen", contamination: "light of neighbors",
  };

  function heading(place, title) {
    byId(place).previousElementSibling.textContent = title;
    byId(place).nextElementSibling.textContent = "";
  }

  function empty(place) {
    heading(place, "");
    byId(place).textContent = "";
  }

  function showNights(star) {
    const row = rowOf.get(star);
    if (row === undefined) return empty("star-0");
    const at = (view, night) => view.getInt16(2 * (row * nights.length + night), true);
    const there = nights.map((_, night) => night).filter((night) => at(means, night) !== -32768 && bjd[night] != null);
    heading("star-0", "Night by night");
    const y = there.map((night) => +(1 + step * at(means, night)).toFixed(4));
    const e = there.map((night) => step * at(errors, night));
    const x = there.map((night) => bjd[night] - 2450000);
    const series = [{ label: "flux", colour: "--c1", size: 5, y, e }];
    show({ id: "star-0", x, series, labels: there.map((night) => nights[night]), xLabel: "BJD - 2450000", yLabel: "relative flux" });
  }

  function showCurves(star) {
    const own = curves.filter((curve) => curve.star === star);
    [1, 2].forEach((place) => {
      const curve = own[place - 1];
      if (!curve || curve.said === "nights") return empty("star-" + place);
      heading("star-" + place, curve.said);
      const series = [{ label: "flux", colour: "--c1", size: 5, y: curve.y, e: curve.e }];
      show({ id: "star-" + place, x: curve.x, series, xLabel: curve.xLabel, yLabel: "relative flux" });
    });
  }

  function choose(star, jump) {
    byId("star").hidden = false;
    const facts = Object.keys(labels).filter((key) => stars[key] && stars[key][star] != null && stars[key][star] !== "");
    const list = document.createElement("dl");
    facts.forEach((key) => {
      const pair = document.createElement("div");
      pair.append(Object.assign(document.createElement("dt"), { textContent: labels[key] }));
      pair.append(Object.assign(document.createElement("dd"), { textContent: stars[key][star] }));
      list.append(pair);
    });
    const title = Object.assign(document.createElement("h3"), { textContent: "TIC " + stars.tic_id[star] + (stars.variable[star] ? ", varies" : "") });
    byId("who").replaceChildren(title, list);
    showNights(star);
    showCurves(star);
    if (jump) byId("find").scrollIntoView();
  }

  function matches(text) {
    const wanted = text.toLowerCase().replace(/^(tic|gaia|toi)\s*(dr3|dr2)?\s*/, "").trim();
    if (!wanted) return [];
    const found = [];
    for (let star = 0; star < count && found.length < 12; star++)
      if ([stars.gaia_id[star], stars.tic_id[star], (known[star] || "").toLowerCase()].some((id) => id.includes(wanted))) found.push(star);
    return found;
  }

  function search(event) {
    const found = matches(byId("search").value);
    const buttons = found.map((star) => {
      const button = Object.assign(document.createElement("button"), { textContent: (known[star] || "TIC " + stars.tic_id[star]) + " (" + stars.Tmag[star] + ")" });
      button.dataset.star = star;
      return button;
    });
    const none = byId("search").value && !found.length ? ["no such star here"] : [];
    byId("matches").replaceChildren(...buttons, ...none);
    const one = found.length === 1 || (event.key === "Enter" && found.length);
    if (one) choose(found[0], false);
  }

  byId("search").addEventListener("input", search);
  byId("search").addEventListener("keydown", (event) => event.key === "Enter" && search(event));
  addEventListener("chosen", (event) => choose(event.detail, false));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-star]");
    if (button) choose(+button.dataset.star, true);
  });
})();
