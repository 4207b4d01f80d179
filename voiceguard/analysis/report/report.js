// The table of costs, made anew from the rates in its rows whenever a weight changes.
const cost = document.getElementById("cost");
if (cost) {
  const inputs = [...cost.querySelectorAll("input")];
  const recount = () => {
    const weights = Object.fromEntries(inputs.map((input) => [input.name, Number(input.value) || 0]));
    const frauds = Math.min(1000, weights.fraud_per_1000);
    for (const row of cost.querySelectorAll("tr[data-step_up]")) {
      const rate = (name) => Number(row.dataset[name]) * weights[name];
      const costs = ["step_up", "handover", "denied_customer"].map((name) => (1000 - frauds) * rate(name));
      costs.push(frauds * rate("missed_fraud"));
      costs.push(costs.reduce((sum, one) => sum + one, 0));
      row.querySelectorAll("td").forEach((cell, place) => { cell.textContent = costs[place].toFixed(2); });
    }
  };
  inputs.forEach((input) => input.addEventListener("input", recount));
}
