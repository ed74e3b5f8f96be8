"""Prompts, each with the same in other words; both written for this benchmark."""

RESTYLED = (
    (
        "How do I keep basil alive on a kitchen window?",
        "What does a basil plant on my windowsill need to survive?",
    ),
    (
        "Give me three ideas for a rainy Sunday with children.",
        "It pours on Sunday. What are three things to do with the kids?",
    ),
    (
        "Explain why the sea is salty.",
        "Where does the salt in sea water come from?",
    ),
    (
        "Write a polite message to a neighbour who plays loud music.",
        "Draft a friendly note asking the person next door to turn the music down.",
    ),
    (
        "How can I learn to touch type?",
        "What is a good way to train typing without looking at the keys?",
    ),
    (
        "Summarise the plot of Romeo and Juliet.",
        "What happens in Romeo and Juliet, in short?",
    ),
    (
        "What is the difference between a virus and a bacterium?",
        "How do bacteria and viruses differ?",
    ),
    (
        "Suggest a name for a small bakery.",
        "What could I call my little bakery?",
    ),
    (
        "How do I remove red wine from a white carpet?",
        "I spilled red wine on a white rug; how do I get it out?",
    ),
    (
        "List five uses for old newspapers.",
        "What are five things I can do with old newspapers?",
    ),
    (
        "Write a Python function that reverses a string.",
        "In Python, how do I write a function to turn a string around?",
    ),
    (
        "How long do I boil an egg so that the yolk stays soft?",
        "What is the cooking time of a soft-boiled egg?",
    ),
    (
        "Why do leaves change colour in autumn?",
        "What makes leaves turn red and yellow in fall?",
    ),
    (
        "How do I prepare for a job interview?",
        "What should I do to get ready for an interview for a job?",
    ),
    (
        "Describe the taste of a mango to somebody who never had one.",
        "How would you explain what mango tastes like to a person who has not tried it?",
    ),
    (
        "What are the rules of chess for a beginner?",
        "Explain to a novice how chess is played.",
    ),
    (
        "How do I change a flat tyre on a bicycle?",
        "My bike has a puncture. How do I replace the tube?",
    ),
    (
        "Write a short poem about the moon.",
        "Compose a few verses on the moon.",
    ),
    (
        "How does a refrigerator keep food cold?",
        "By what principle does a fridge cool what is inside?",
    ),
    (
        "What should I pack for a week of hiking?",
        "Make a packing list for a seven-day hike.",
    ),
    (
        "How can I save electricity at home?",
        "What can I do to use less power in my house?",
    ),
    (
        "Translate 'good morning' into Italian.",
        "How do you say good morning in Italian?",
    ),
    (
        "Why is the sky blue?",
        "What is the reason for the blue colour of the sky?",
    ),
    (
        "How do I write a letter of resignation?",
        "What does a letter look like with which I quit my job?",
    ),
    (
        "Give a recipe for pancakes without eggs.",
        "How can I make eggless pancakes?",
    ),
    (
        "What causes tides?",
        "Why does the sea rise and fall twice a day?",
    ),
    (
        "How do I teach a dog to sit?",
        "What is the best method to train my dog to sit on command?",
    ),
    (
        "Explain compound interest with an example.",
        "What is compound interest? Show it with numbers.",
    ),
    (
        "How do I make a budget for a student?",
        "Help a student plan monthly spending.",
    ),
    (
        "What is photosynthesis?",
        "How do plants turn light into sugar?",
    ),
    (
        "Which exercises help against back pain?",
        "What workouts are good for a sore back?",
    ),
    (
        "How do I convert Celsius to Fahrenheit?",
        "What is the formula to get from degrees Celsius to Fahrenheit?",
    ),
    (
        "Write a headline for an article about electric cars.",
        "Think of a title for a story on electric vehicles.",
    ),
    (
        "How do bees make honey?",
        "By which steps does a hive produce honey?",
    ),
    (
        "What are the symptoms of a cold?",
        "How do I notice that I have caught a cold?",
    ),
    (
        "Name three books that everybody should read.",
        "Which three books would you recommend to anyone?",
    ),
    (
        "How can I fall asleep faster?",
        "What helps me to get to sleep more quickly?",
    ),
    (
        "How do I set up a home network?",
        "What do I need to do to install a network in my flat?",
    ),
    (
        "Who painted the Mona Lisa?",
        "The Mona Lisa is the work of which painter?",
    ),
    (
        "How do I grow tomatoes in pots?",
        "Can tomatoes be raised in containers, and how?",
    ),
    (
        "What is the capital of Australia?",
        "Which city is the seat of Australia's government?",
    ),
    (
        "Why do we dream?",
        "What is the purpose of dreams?",
    ),
    (
        "How do I start a podcast?",
        "I want to make a podcast. What are the first steps?",
    ),
    (
        "Explain the water cycle to a child.",
        "How would you tell a kid where rain comes from and where it goes?",
    ),
    (
        "How do I sharpen a kitchen knife?",
        "What is the right way to make a blunt kitchen knife sharp again?",
    ),
    (
        "What are healthy snacks for the office?",
        "Which snacks for work are good for me?",
    ),
    (
        "Write a thank-you note to a teacher.",
        "Compose a few lines that thank a teacher.",
    ),
    (
        "How does a rainbow form?",
        "What makes a rainbow appear?",
    ),
)
