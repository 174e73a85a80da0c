addHeader(data.title, data.summary);
addTables("Standings");
const cards = data.maps.map((map) => mapCard(map, map.title, map.note));
section("Who earns what with whom", element("div", cards, {class: "charts"}));
drawAll();
