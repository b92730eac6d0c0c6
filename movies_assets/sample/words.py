"""List the vocabulary of the fictional catalogue: words, names and sentences.

Only tables of text and their weights belong here, no logic. A `..._WEIGHTS` table has the number of
movies with each entry, out of the table's sum.
"""

# Titles in other scripts look like typing errors to RUF001; a table of words as one text split by
# spaces or bars reads and diffs better than one quoted word a line (SIM905); wide characters count
# double in E501; a sentence over two lines is no forgotten comma (ISC004).
# ruff: noqa: RUF001, SIM905, E501, ISC004

TITLE_PATTERNS = (
    "The {adjective} {noun}",
    "The {adjective} {noun} of {place}",
    "{noun} of the {adjective} {second}",
    "{adjective} {nouns}",
    "The {noun} and the {second}",
    "{name}'s {noun}",
    "{name}'s {adjective} {noun}",
    "{a_noun} for {name}",
    "{name} and the {adjective} {noun}",
    "The {nouns} of {place}",
    "{name} Leaves {place}",
    "Last {noun} to {place}",
    "One {noun}, Two {nouns}",
    "{noun}, {second} and {name}",
    "Where {name}'s {nouns} Sleep",
    "Nobody Counts the {adjective} {nouns}",
    "Before the {adjective} {noun}",
    "What {name} Told the {noun}",
    "{adjective} as the {noun}",
    "All {name}'s {nouns}",
    "Eleven {nouns} in {place}",
    "We Were {nouns} in {place}",
    "{place}, After the {noun}",
    '"{adjective} {noun}" and Other {nouns}',
    "The {noun} Won't Wait for {name}",
    "{name} Against the {nouns}",
    "Under the {adjective} {noun}",
    "Half {a_noun} from {place}",
    "The {noun}: {adjective} {nouns}",
    "{place}: The {adjective} {noun}",
)
SUBTITLE_PATTERNS = (
    ": Return to {place}",
    ": {name}'s Story",
    ": The Long Way Home",
    ": A Love Story, More or Less",
    ": Nobody's Fault",
    " - The Final Season",
    ", or the Art of Leaving",
)
EMOJI = ("🎬", "🌙", "🐙", "🚲", "🕯️", "🌊", "🦊", "🎈")

ADJECTIVES = tuple(
    "Amber Ashen Autumn Bitter Borrowed Brass Brittle Broken Burning Careful Clever Cobalt Copper "
    "Crooked Curious Distant Drowned Dusty Electric Emerald Endless Faithful Famous Feathered "
    "Forgotten Fragile Frozen Gentle Gilded Golden Grey Half-Lit Hidden Hollow Honest Hungry "
    "Hushed Indigo Invisible Iron Ivory Jagged Kind Late Lazy Little Lonely Lost Lucky Luminous "
    "Magnetic Marble Midnight Mild Missing Modest Narrow Nameless Northern Obedient Ordinary Pale "
    "Paper Patient Perfect Polite Porcelain Quiet Reckless Restless Rusted Salted Scarlet Secret "
    "Seventh Shallow Silent Silver Simple Slow Southern Spare Stolen Stubborn Sudden Sunken Tender "
    "Tidal Tin Twice-Sold Uncertain Velvet Wandering Weightless Wicked Wild Winter Wooden".split()
)
NOUNS = tuple(
    "Accordion Almanac Anchor Apprentice Archive Astronomer Atlas Avalanche Bakery Balcony "
    "Ballroom Banker Barometer Beacon Beekeeper Bicycle Boatman Botanist Bridge Candle Canyon "
    "Carousel Cartographer Cathedral Cellist Chandelier Clockmaker Comet Compass Conductor Corridor "
    "Courier Cradle Daughter Desert Detour Diver Donkey Drummer Echo Elevator Ember Envelope "
    "Equation Falcon Ferry Fiddler Fisherman Forest Fountain Foxglove Garden Gardener Ghost Glacier "
    "Goldsmith Gramophone Greenhouse Harbour Harvest Heron Hotel Hourglass Island Janitor Juggler "
    "Kettle Kingdom Kite Labyrinth Lagoon Lantern Laundry Letter Library Lighthouse Locksmith "
    "Lodger Machine Magpie Mapmaker Meadow Meridian Messenger Meteor Midwife Mirror Monsoon Moth "
    "Mountain Museum Navigator Neighbour Nightingale Nocturne Oath Observatory Orchard Orchestra "
    "Orphan Painter Parade Pendulum Piano Pilgrim Pilot Postcard Promise Puppeteer Quarry Quartet "
    "Railway Rainmaker Reservoir Riddle River Rooftop Sailor Satellite Shadow Shepherd Signal "
    "Sister Sleepwalker Smuggler Snowfall Sparrow Stairway Station Storm Stranger Submarine Suitcase "
    "Summer Swimmer Tailor Telescope Theatre Thief Thunder Ticket Tide Toymaker Translator Trumpet "
    "Tunnel Typewriter Umbrella Understudy Valley Verdict Village Violin Vineyard Volcano Waltz "
    "Watchman Waterfall Weaver Whaler Whistle Widow Window Witness Workshop Zeppelin".split()
)
COMMON_NOUNS = "Summer Island River Shadow Stranger Garden Mountain Storm".split()
IRREGULAR_PLURALS = {
    "Echo": "Echoes",
    "Midwife": "Midwives",
    "Thief": "Thieves",
    "Volcano": "Volcanoes",
}
PLACES = tuple(
    "Aldermoor|Altavera|Ashcombe|Bellhaven|Black Harbour|Brannock|Calder Bay|Castelmar|Cold Ferry|"
    "Coralline|Dunmarrow|Eastmere|Elmsgate|Esterhill|Fallow Creek|Farrowdale|Fennick|Gallowmere|"
    "Glenorra|Greywater|Halvorsund|Harrowgate Street|Hexley|Hollin Point|Inverlane|Isla Perdida|"
    "Juniper Flats|Kestrel Bay|Kingsbarrow|Kolvik|Larkspur|Lindenau Square|Little Verona|Lowmarsh|"
    "Marrow Lake|Mirabel|Monte Sereno|Netherfold|New Carthage|North Ember|Nova Lisboa|Oakhurst|"
    "Old Quay|Orrin|Pallas|Pebble Sound|Port Amity|Port Solace|Quillon|Ravensport|Redwater|"
    "Saltmarsh|Saint Orlo|San Teodoro|Silverlode|Skarholm|Sorrel Valley|Stonebridge|Sunder Island|"
    "Tallow Hill|Thistledown|Three Wells|Umbria Street|Valmora|Vesper|Westering|Whitcombe|Willow End|"
    "Winterbourne|Yarrow|Zelenka".split("|")
)
NAMES = tuple(
    "Ada Adela Agnes Alba Amara Anouk Anselm Ansel Asta Aurel Bea Benedikt Birgit Bruno Caspian "
    "Cato Celeste Chidi Clement Cosima Dagny Dalia Darius Delphine Edda Elif Elio Emre Esther Ewan "
    "Farah Felix Fenn Freya Gideon Greta Hana Hector Hedda Ida Idris Ilse Imani Ines Isolde Ivo "
    "Jonah Jun Kaia Kenji Klara Lars Leonie Lev Linnea Lola Lucian Mabel Magnus Maren Marisol Mateo "
    "Milan Mina Nadia Nils Noor Odile Olga Omar Orla Otis Pavel Pilar Priya Quentin Rafi Ramona "
    "Renée Rosalind Rufus Sabine Samir Saoirse Selma Silas Sunniva Tamsin Theo Tilda Ulla Vera "
    "Viktor Wanda Xavier Yara Yuki Zoë Zuri".split()
)
SURNAMES = tuple(
    "Abernant Achterberg Adeyemo Albrecht Anand Arkwright Balogun Barros Bellweather Bergström "
    "Bianchi Blackwood Bondarek Brandt Calloway Castellan Chaudry Corriveau Dahl Delacroix Demir "
    "Drummond Ekdahl Farrow Ferreira Fontaine Galloway Grimaldi Haddad Halloran Hartigan Hayashi "
    "Hollis Ibarra Ivarsson Jansen Kaplan Keane Kimura Kovač Lindqvist Lomax Marchetti Marlowe "
    "Mbeki Menon Moreau Navarro Nightingale Novák Ochieng Okafor Oyelaran Pemberton Petrov Quill "
    "Rahimi Reyes Rosenthal Sato Sørensen Stavros Sterling Tanaka Thorne Urquhart Valdés Vance "
    "Vesely Wainwright Whitlock Winslow Yilmaz Zamora".split()
)
JOBS = tuple(
    "a ferry pilot|an accountant|a piano tuner|a retired detective|a night nurse|a radio engineer|"
    "an out-of-work actor|a beekeeper|a court interpreter|a lighthouse keeper|an apprentice baker|"
    "a marine biologist|a small-town mayor|a bicycle courier|a widowed clockmaker|a chess teacher|"
    "an insurance inspector|a stunt driver|a museum guard|a young cartographer|a wedding singer|"
    "a railway signalman|a failed novelist|a ship's cook|a schoolteacher|an amateur astronomer|"
    "a forger of stamps|a mountain guide|a reluctant heir|a weather forecaster".split("|")
)
THINGS = tuple(
    "a box of unsent letters|a map with one road too many|a locked piano|the wrong suitcase|"
    "a stolen painting|an unfinished opera|a forgotten bank vault|a photograph of a stranger|"
    "a signal that repeats every eleven minutes|a boat without a name|a debt nobody remembers|"
    "a child who speaks no known language|a letter dated next year|a house without a back door|"
    "a recipe worth a fortune|a tape from an abandoned observatory|a key that fits every door|"
    "a diary written in two hands|a clock that runs backwards|an invitation meant for someone else|"
    "a radio that only plays tomorrow's news|a half-built flying machine".split("|")
)
OPENINGS = (
    "{hero}, {job} in {place}, comes home to find {thing} on the kitchen table.",
    "In the last summer before the harbour of {place} closes for good, {hero} inherits {thing}.",
    "{hero} has been {job} for twenty years and has never asked a question, until {thing} turns up.",
    "When a storm cuts {place} off from the mainland, {hero}, {job}, stumbles upon {thing}.",
    "Everyone in {place} knows {hero} as {job}, and nobody knows about {thing}.",
    "After a funeral that hardly anyone attends, {hero} drives to {place} with {thing}.",
    "{hero} wanted one quiet season as {job} in {place}; instead there is {thing}.",
    "A wager between {hero} and {friend} over {thing} gets out of hand on the road to {place}.",
    "Ten years after leaving {place}, {hero} returns as {job} to look for {thing}.",
    "The night train to {place} carries {hero}, {friend} and {thing}.",
)
MIDDLES = (
    "With the help of {friend}, {other_job}, a search begins that leads from flooded archives to "
    "the rooftops of the old town, and every answer seems to know more than it says.",
    "{friend}, {other_job} with plans of another kind, offers a bargain that is too good to be "
    "true and much too good to refuse.",
    "But {friend} has been waiting for exactly this, and an old promise turns into a chase "
    "across three borders, two weddings and one very small boat.",
    "What starts as a harmless favour for {friend} becomes the talk of the whole coast, and soon "
    "{first} can tell neither friends from rivals nor luck from design.",
    "Between rehearsals, repairs and a stubborn goat, {first} and {friend} learn how much of a "
    "life can be mended, and how much should be left as it is.",
    "The only witness is {friend}, {other_job}, who remembers every detail and believes none.",
    "As the days grow shorter the town takes sides, {friend} keeps a secret for the wrong reasons, "
    "and {first} begins to write everything down.",
    "Hunted by people who never raise their voices, {first} turns to {friend}, {other_job}, the "
    "last person who would lend a hand and the first who does.",
)
ENDINGS = (
    "By the time the snow melts, nothing in {place} is where it used to be.",
    "A story about the things we keep and the people who keep us.",
    "The truth turns out to be smaller, stranger and far more expensive than anyone thought.",
    "Some doors only open once, and this one has been open all along.",
    "It takes one long night, a borrowed bicycle and all the courage in {place} to set it right.",
    "In the end only one question is left: who is going to tell {friend}?",
    "Told in a single weekend, with a warm heart and a sharp eye for small lies.",
    "Nobody leaves {place} the way they came.",
    "Laughter turns out to be the best disguise, at least until the music stops.",
    "And then the telephone rings.",
)

LANGUAGE_WEIGHTS = {
    "en": 286, "fr": 18, "es": 14, "ja": 12, "de": 9, "it": 9, "ko": 8, "hi": 7, "zh": 7, "ru": 5,
    "sv": 4, "da": 3, "pl": 3, "pt": 3, "tr": 3, "ar": 3, "he": 2, "nl": 2, "fi": 2,
}  # fmt: skip
GENRE_WEIGHTS = {
    "Drama": 150, "Comedy": 95, "Thriller": 75, "Action": 65, "Romance": 48, "Horror": 48,
    "Crime": 42, "Documentary": 40, "Adventure": 36, "Sci-Fi": 26, "Mystery": 26, "Family": 24,
    "Fantasy": 24, "Animation": 18, "Biography": 16, "History": 14, "Music": 12, "War": 11,
    "Sport": 8, "Western": 6, "Musical": 5, "Film-Noir": 4, "News": 3, "Reality-TV": 3,
}  # fmt: skip
GENRE_COUNT_WEIGHTS = {1: 30, 2: 34, 3: 27, 4: 9}
MPA_WEIGHTS = {"": 85, "R": 7, "PG-13": 4, "PG": 3, "NC-17": 1}
QUALITY_WEIGHTS = {
    ("720p",): 12,
    ("720p", "1080p"): 70,
    ("720p", "1080p", "2160p"): 18,
}

# A language's word for "and", and nouns that it can join into a title.
NATIVE_TITLES = {
    "ja": ("と", "夜の海 雪の駅 猫 灯台 赤い橋 月 手紙 古い時計 庭 鉄道 約束 銀の魚".split()),
    "zh": ("与", "月亮 大海 老桥 火车站 信 灯塔 冬天 花园 影子 钟表匠 风筝 山谷".split()),
    "ko": ("와 ", "바다 편지 기차 나무 노래 다리 나비 고래 그림자 파도 시계 의자".split()),
    "ar": (" و", "البحر القمر الجسر الرسالة القطار الحديقة المنارة الشتاء الظل الساعة الريح".split()),
    "he": (" ו", "הים הירח הגשר המכתב הרכבת הגן המגדלור החורף הצל השעון הרוח".split()),
    "ru": (" и ", "Мост|Письмо|Луна|Старый маяк|Зима|Тень|Часовщик|Сад|Последний поезд".split("|")),
    "hi": (" और ", "चाँद समुद्र पुल चिट्ठी रेलगाड़ी बगीचा सर्दी परछाई घड़ी हवा".split()),
    "fr": (" et ", "L'été|La forêt|Le théâtre|L'étoile|La mélodie|Le garçon|L'écho|La fenêtre".split("|")),
    "es": (" y ", "El corazón|La montaña|El otoño|La canción|El jardín|La niña|El balcón".split("|")),
    "de": (" und ", "Die Brücke|Der Schlüssel|Das Mädchen|Die Straße|Der König|Die Küche".split("|")),
    "sv": (" och ", "Sjön|Våren|Ön|Bägaren|Hästen|Fönstret|Skärgården|Fågeln".split("|")),
    "da": (" og ", "Søen|Øen|Foråret|Døren|Bjørnen|Broen|Gården".split("|")),
    "pl": (" i ", "Księżyc|Łódź|Ogród|Wzgórze|Źródło|Śnieg|Córka".split("|")),
    "pt": (" e ", "O coração|A canção|A maçã|O verão|A estação|O avô".split("|")),
    "tr": (" ve ", "Deniz|Köprü|Güneş|Çocuk|Gölge|Rüzgâr|Dağ|Ateş".split("|")),
}  # fmt: skip

# The types of IMDb titles that are neither series nor episodes; IMDb's sample adds a pilot.
SINGLE_TYPE_WEIGHTS = {
    "short": 906, "movie": 614, "video": 262, "tvMovie": 126, "tvSpecial": 46, "videoGame": 37,
    "tvShort": 9,
}  # fmt: skip
TV_GENRE_WEIGHTS = {"Talk-Show": 40, "News": 30, "Reality-TV": 25, "Game-Show": 16}
PROFESSION_WEIGHTS = {
    "actor": 24, "actress": 17, "producer": 9, "writer": 8, "director": 7, "miscellaneous": 6,
    "camera_department": 6, "sound_department": 4, "music_department": 4, "composer": 4,
    "editor": 4, "cinematographer": 3, "art_department": 4, "visual_effects": 3,
    "production_manager": 2, "make_up_department": 2, "stunts": 1, "soundtrack": 3, "executive": 1,
}  # fmt: skip
CRAFTS = (
    "producer", "producer", "producer", "composer", "cinematographer", "editor", "editor",
    "production_designer", "casting_director", "archive_sound",
)  # fmt: skip
PRODUCER_JOBS = ("producer", "producer", "producer", "executive producer", "line producer")
WRITER_JOBS = ("written by", "story", "creator", "based on the novel by", 'story "The Long Way"')
EPITHETS = ("The Boss", "Lucky", "Mad Dog", "Doc", "The Professor", "Babe", "Shorty", "Ace")
MONTHS = tuple(
    "January February March April May June July August September October November December".split()
)
ODD_TITLES = ("Null", "NaN", "N/A", "None", "0", "-", "?", "...", "1e5", "TRUE", "'", '"')

# Region, language (often unknown) and the name of an episode without a title there.
REGIONS = (
    ("DE", "de", "Folge"), ("FR", "fr", "Épisode"), ("IN", "hi", "एपिसोड"),
    ("ES", "es", "Episodio"), ("IT", "it", "Episodio"), ("PT", "pt", "Episódio"),
    ("JP", "ja", "エピソード"), ("US", "en", "Episode"), ("GB", "en", "Episode"),
    ("BR", "pt", "Episódio"), ("RU", "ru", "Эпизод"), ("PL", "pl", "Odcinek"),
    ("SE", "sv", "Avsnitt"), ("TR", "tr", "Bölüm"), ("GR", "el", "Επεισόδιο"),
    ("HU", "hu", "Epizód"), ("XWW", "en", "Episode"), ("CA", "fr", "Épisode"),
)  # fmt: skip
ALTERNATIVE_TYPE_WEIGHTS = {
    "imdbDisplay": 60, "alternative": 16, "working": 9, "dvd": 4, "tv": 4, "festival": 3, "video": 3,
    "imdbDisplay\x02tv": 1,
}  # fmt: skip
ALTERNATIVE_ATTRIBUTES = (
    "literal English title", "alternative spelling", "complete title", "short title",
    "transliterated title", "new title", "reissue title", "promotional abbreviation",
)  # fmt: skip
PRIZE_EDITIONS = ("Oscar Edition", "The Academy Award Cut", "OSCAR Night Version")

# Attributes of a streaming service's movies and TV shows.
STREAMING_RATING_WEIGHTS = {
    "TV-MA": 2027, "TV-14": 1698, "TV-PG": 700, "R": 508, "PG-13": 286, "NR": 218, "PG": 184,
    "TV-Y7": 169, "TV-G": 149, "TV-Y": 143, "TV-Y7-FV": 95, "G": 37, "": 13, "UR": 7, "NC-17": 2,
}  # fmt: skip
SEASON_WEIGHTS = {1: 1321, 2: 304, 3: 158, 4: 61, 5: 46, 6: 22, 7: 21, 8: 16, 9: 7, 10: 3, 12: 2}
MOVIE_CATEGORIES = tuple(
    "Dramas|Comedies|Documentaries|Thrillers|Independent Movies|Romantic Movies|Horror Movies|"
    "Children & Family Movies|Action & Adventure|Sci-Fi & Fantasy|Music & Musicals|Sports Movies|"
    "Classic Movies|Stand-Up Comedy|International Movies".split("|")
)
SHOW_CATEGORIES = tuple(
    "TV Dramas|TV Comedies|Docuseries|Kids' TV|Crime TV Shows|Reality TV|Romantic TV Shows|"
    "TV Sci-Fi & Fantasy|TV Mysteries|Science & Nature TV|International TV Shows".split("|")
)
COUNTRY_WEIGHTS = {
    "United States": 80, "India": 24, "United Kingdom": 18, "Canada": 9, "France": 9, "Japan": 8,
    "Spain": 6, "South Korea": 5, "Germany": 5, "Mexico": 4, "Australia": 4, "Turkey": 3,
    "Egypt": 3, "Nigeria": 3, "Brazil": 3, "Poland": 2, "Sweden": 1, "Côte d'Ivoire": 1,
}  # fmt: skip
