addHeader(data.title, data.summary);
addTables("Standings");
const cards = data.maps.map((map) => mapCard(map, map.title, map.note));
section("As a map", element("div", cards, {class: "charts"}));
drawAll();
