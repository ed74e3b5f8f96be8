"""Faults in the words of models and scrapers: what `python -m benchmarks faults` plants.

Each list was written from what published models, templates and pages say, not from the rules that
look for it. Entries at even places are the ones that the rules were mended by, those at odd places
were kept aside.
"""

from __future__ import annotations

REFUSALS = {
    "en": [
        "I'm sorry, but I can't assist with that.",
        "I’m sorry, but I can’t help with that request.",
        "I cannot fulfill your request. I'm just an AI, it's not within my programming to do so.",
        "I apologize, but I cannot provide a response to that prompt.",
        "As an AI language model, I don't have personal experiences or feelings.",
        "I do not feel comfortable providing that information.",
        "I'm a text-based AI, and that is outside of my capabilities.",
        "As a language model, I'm not able to assist you with that.",
        "Sorry, I can't do that.",
        "Unfortunately I'm not able to produce that kind of content.",
        "I can't create content of that kind. Is there anything else I can help you with?",
        "I must decline this request.",
        "My apologies, but I'm unable to share an opinion on this matter.",
        "It would not be appropriate for me to answer this question.",
        "I'm really sorry that you're feeling this way, but I'm unable to provide the help that you need.",
        "I won't be able to help with this one.",
        "Thank you for your question, but I can't discuss that topic.",
        "As a responsible AI assistant, I cannot engage with this topic.",
        "I’m not able to respond to that.",
        "That is not something I am able to help with.",
        "I'd rather not answer that.",
        "I am sorry, but I do not have enough information to answer this.",
        "Apologies, but that's a request I have to turn down.",
        "I'm unable to fulfil this request because it goes against my guidelines.",
        "I don't have the ability to browse the internet or access real-time data.",
        "I can’t write that for you.",
        "Unfortunately, as an AI, I don't have access to that information.",
        "I regret that I am unable to comply with your request.",
        "I'm afraid I can't do that.",
        "I will not provide an answer to this question.",
    ],
    "zh": [
        "很抱歉，我无法满足您的请求。",
        "对不起，我不能帮助您完成这个任务。",
        "作为一个AI语言模型，我没有个人经历，因此无法回答这个问题。",
        "作为一名人工智能助手，我不能提供此类信息。",
        "抱歉，这个问题我暂时回答不了。",
        "您的问题涉及敏感内容，我不便回答。",
        "我是一个语言模型，没有能力访问互联网。",
        "非常抱歉，由于我是文本模型，无法为您生成图片。",
        "不好意思，我还没学习如何回答这个问题。",
        "你好，我无法给到相关内容。",
        "这个请求违反了使用规定，恕我不能协助。",
        "抱歉，我没有足够的信息来回答您的问题。",
        "对不起，我还无法处理您的这个要求。",
        "作为AI助手，我没有自己的观点和情感。",
        "我无法回答这个问题。",
        "我只是一个人工智能程序，不能给出个人意见。",
        "抱歉，我不能为您编写这样的内容。",
        "很遗憾，我没办法帮到您。",
        "抱歉，作为人工智能，我不能参与此类讨论。",
        "对不起，我无法执行您的请求，因为它不符合我的准则。",
    ],
    "es": [
        "Lo siento, no puedo ayudarte con eso.",
        "Como modelo de lenguaje, no tengo acceso a esa información.",
        "Lamento no poder responder a esta pregunta.",
        "Lo siento, pero no estoy capacitado para realizar esa tarea.",
        "Disculpa, pero no puedo generar ese tipo de contenido.",
        "Me temo que no puedo cumplir con esta solicitud.",
    ],
    "de": [
        "Es tut mir leid, aber dabei kann ich nicht helfen.",
        "Als KI-Sprachmodell habe ich keine eigenen Meinungen.",
        "Leider kann ich diese Anfrage nicht beantworten.",
        "Entschuldigung, aber diese Art von Inhalt kann ich nicht erstellen.",
        "Tut mir leid, das kann ich nicht machen.",
        "Ich kann Ihnen bei dieser Anfrage leider nicht weiterhelfen.",
    ],
    "fr": [
        "Je suis désolé, mais je ne peux pas vous aider.",
        "En tant que modèle de langage, je n'ai pas d'opinion personnelle.",
        "Désolée, je ne suis pas en mesure de répondre à cette question.",
        "Malheureusement, je ne peux pas accéder à cette information.",
        "Je m'excuse, mais je ne peux pas fournir ce type de contenu.",
        "Je regrette, mais il m'est impossible de traiter cette demande.",
    ],
    "ja": [
        "申し訳ございませんが、そのご質問にはお答えできません。",
        "申し訳ありませんが、お手伝いすることはできません。",
        "AI言語モデルとして、私には個人的な意見はありません。",
        "すみませんが、そのリクエストには対応できません。",
        "ごめんなさい、それはできません。",
        "恐れ入りますが、その情報を提供することはできません。",
    ],
    "pt": [
        "Desculpe, mas não posso ajudar com isso.",
        "Sinto muito, não consigo atender a essa solicitação.",
        "Como um modelo de linguagem, não tenho opiniões pessoais.",
        "Infelizmente, não posso fornecer essa informação.",
        "Peço desculpas, mas não sou capaz de responder a essa pergunta.",
        "Lamento, mas não posso criar esse tipo de conteúdo.",
    ],
    "ru": [
        "Извините, но я не могу помочь с этим запросом.",
        "К сожалению, я не могу ответить на этот вопрос.",
        "Как языковая модель, я не имею личного мнения.",
        "Прошу прощения, но я не могу выполнить эту просьбу.",
        "Простите, но я не в состоянии предоставить эту информацию.",
        "Я не могу создавать подобный контент.",
    ],
    "ko": [
        "죄송하지만 그 요청은 도와드릴 수 없습니다.",
        "죄송합니다. 해당 질문에는 답변할 수 없습니다.",
        "AI 언어 모델로서 저는 개인적인 의견이 없습니다.",
        "미안하지만 그건 할 수 없어요.",
        "죄송하지만 그런 내용은 제공해 드릴 수 없습니다.",
        "유감스럽게도 이 요청을 처리할 수 없습니다.",
    ],
}

OFFERS = {
    "en": [
        "",
        "",
        " If you have any other questions, feel free to ask!",
        " However, I'd be happy to help with something else.",
        " Please consult a qualified professional.",
    ],
    "zh": [
        "",
        "",
        "如果您有其他问题，欢迎随时提问。",
        "请换一个问题试试。",
        "建议您咨询专业人士。",
    ],
}
"""Sentences after a refusal."""

PROMPTS = {
    "es": ["¿Cuál es el río más largo de España?", "Escribe un poema breve sobre el otoño."],
    "de": ["Wie backe ich ein Roggenbrot?", "Schreibe ein kurzes Gedicht über den Herbst."],
    "fr": ["Comment fait-on du pain de seigle ?", "Écris un court poème sur l'automne."],
    "ja": ["ライ麦パンの作り方を教えてください。", "秋についての短い詩を書いてください。"],
    "pt": ["Como se faz pão de centeio?", "Escreve um poema curto sobre o outono."],
    "ru": ["Как испечь ржаной хлеб?", "Напиши короткое стихотворение об осени."],
    "ko": ["호밀빵은 어떻게 만드나요?", "가을에 대한 짧은 시를 써 주세요."],
}
"""Requests without harm, in the languages of which there are no clean rows."""

PLACEHOLDERS = {
    "en": [
        *("N/A", "n/a", "TBD", "TODO", "None", "null", "NaN", "...", "-", "…", "<noinput>"),
        *("<no output>", "[Your answer here]", "[Insert response here]", "Insert answer here."),
        *("Answer goes here", "(no answer)", "No answer provided.", "No response", "Coming soon."),
        *("{{answer}}", "{response}", "[INSERT TEXT]", "[placeholder]", "#N/A", "undefined", "???"),
        *(
            "Not available",
            "Not applicable.",
            "Output:",
            "Response:",
            "xxx",
            "[blank]",
            "[REDACTED]",
        ),
        "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor.",
        "To be completed.",
        "<answer>",
        "___",
        "[Answer]",
        "No output.",
    ],
    "zh": [
        *("无", "暂无", "略", "不适用", "空", "待补充", "（此处填写答案）", "[在此输入回答]"),
        *(
            "没有答案",
            "暂无回答。",
            "……",
            "N/A",
            "无输入",
            "<无输出>",
            "答案：",
            "无内容",
            "待定",
            "（略）",
        ),
        *(
            "[请填写]",
            "未提供",
            "null",
            "TODO",
            "【答案】",
            "无。",
            "输出：",
            "暂缺",
            "？？？",
            "（空白）",
        ),
    ],
}

MERGED = {
    "en": [
        "{answer}\n\nHuman: {question}\n\nAssistant: {reply}",
        "{answer}\nUser: {question}\nAssistant: {reply}",
        "{answer}\n\n### Instruction:\n{question}\n\n### Response:\n{reply}",
        "{answer}\n\nQ: {question}\nA: {reply}",
        "{answer}\n\nHuman: {question}",
        "{answer}\n\nInstruction: {question}\nOutput: {reply}",
        "{answer}\n\nUSER: {question}\nASSISTANT: {reply}",
        "{answer}\n\n**User:** {question}\n\n**Assistant:** {reply}",
        "{answer}\n###\n12. Instruction: {question}\n12. Output: {reply}",
        "{answer}\n\n## Instruction\n{question}\n\n## Response\n{reply}",
        "{answer}\n\nQuestion: {question}\nAnswer: {reply}",
        "{answer}\n\n### Human: {question}\n### Assistant: {reply}",
        "<think>\nThe user asks something simple. Let me think about it step by step. {answer}",
        "{answer}\nuser\n{question}\nassistant\n{reply}",
        "<think>Okay, so I need to work this out. First, {reply}",
        "{answer}\n\n[User]: {question}\n[Assistant]: {reply}",
        "{answer}\n\nTask: {question}\nInput: <noinput>\nOutput: {reply}",
        "{answer}\n\nUser: {question}\n\nBot: {reply}",
        "{answer}\n\n### Input:\n{question}\n\n### Response:\n{reply}",
        "{answer}</think>\n{reply}",
    ],
    "zh": [
        "{answer}\n\n用户：{question}\n助手：{reply}",
        "{answer}\n\n问：{question}\n答：{reply}",
        "{answer}\n\n指令：{question}\n输出：{reply}",
        "{answer}\n\n### 指令：\n{question}\n\n### 回答：\n{reply}",
        "{answer}\nHuman: {question}\nAssistant: {reply}",
        "{answer}\n\n问题：{question}\n回答：{reply}",
        "<think>\n用户想知道这个问题的答案，我先想一想。{answer}",
        "{answer}\n\n人类：{question}\n\n助理：{reply}",
        "{answer}\n\n### Instruction:\n{question}\n\n### Response:\n{reply}",
        "{answer}\n###\n13. 指令：{question}\n13. 输出：{reply}",
        "{answer}\n\nUser: {question}\nAssistant: {reply}",
        "{answer}\n\n【用户】{question}\n【助手】{reply}",
    ],
}
"""Answers with another turn; {question} and {reply} are those of another row."""

TOKENS = [
    *("<|im_end|>", "<|im_start|>", "<|endoftext|>", "<|eot_id|>", "<|begin_of_text|>", "[/INST]"),
    *("<|start_header_id|>assistant<|end_header_id|>", "[INST]", "</s>", "<s>", "<<SYS>>"),
    *("<start_of_turn>model", "<end_of_turn>", "<eos>", "<bos>", "<|end|>", "<|user|>"),
    *("<|assistant|>", "<｜end▁of▁sentence｜>", "<｜Assistant｜>", "<｜User｜>", "[TOOL_CALLS]"),
    *("<|return|>", "<|channel|>final<|message|>", "<unk>", "<pad>", "<extra_id_0>", "[gMASK]"),
    *("<|END_OF_TURN_TOKEN|>", "<|fim_middle|>", "<|im_sep|>", "<|endofprompt|>", "<|eom_id|>"),
    *(
        "[|AI|]",
        "<reserved_106>",
        "<|system|>",
        "<eoh>",
        "<|EOT|>",
        "<\uff5cbegin\u2581of\u2581sentence\uff5c>",
    ),
    "<|python_tag|>",
]
"""Tokens of ChatML, Llama 2 to 4, Gemma, Phi, DeepSeek, Mistral, Harmony, T5, GLM, Cohere, Baichuan."""

COPIES = [
    "{prompt}",
    '"{prompt}"',
    "{prompt}\n",
    "Question: {prompt}",
    "{prompt}\n\n{prompt}",
    "You said: {prompt}",
    "{upper}",
    "{shorter}",
]
"""Answers that are their prompt; {shorter} lacks its last sign."""

PAGES = {
    "en": [
        "Summarize the article at {url}",
        "What is this page about? {url}",
        "Read {url} and list the main points.",
        "Rewrite the text found here: {url}",
        "Watch this video and tell me what happens: {url}",
        "Translate the following article into French.\n\n{url}",
        "Based on {url}, who won the match?",
        "{url}\n\nGive me a short summary.",
    ],
    "zh": [
        "请总结这篇文章：{url}",
        "这个网页讲了什么？{url}",
        "阅读 {url} 并列出要点。",
        "请把下面链接里的内容改写一遍：{url}",
        "看看这个视频，告诉我发生了什么：{url}",
        "{url}\n\n请写一个简短的摘要。",
    ],
}
URLS = [
    "https://www.nytimes.com/2021/03/04/arts/tides-and-harbours.html",
    "https://www.youtube.com/watch?v=q7Xk2Ls91vA",
    "http://news.bbc.co.uk/2/hi/science/7431234.stm",
    "https://medium.com/@harbourmaster/on-tides-41b2c",
    "https://baike.baidu.com/item/潮汐/33612",
    "www.theguardian.com/world/2019/jun/03/the-ferry",
]

LINKS = {
    "en": [
        "You can read more at https://www.example.com/guide.",
        "For details, see [link].",
        "Click here to learn more.",
        "Visit www.yourwebsite.com for more information.",
        "Sign up at [insert link here].",
        "More on this: https://example.org/articles/12345",
        "Source: [URL]",
        "You can find the full list here: <link>.",
        "Download it from http://www.website.com/download.",
        "See [this page](#) for the details.",
    ],
    "zh": [
        "更多信息请访问 https://www.example.com。",
        "详情请点击这里。",
        "请参阅[链接]。",
        "请访问 www.xxx.com 了解更多。",
        "点击此处查看完整列表。",
        "下载地址：[插入链接]",
    ],
}
"""Sentences after an answer that send the reader to no page."""

HTML = [
    "<p>{answer}</p>",
    '<div class="content">{answer}</div>',
    "{answer}<br/><br>",
    "<b>{first}</b> {rest}",
    "{first}&nbsp;{rest}",
    "<ul><li>{first}</li><li>{rest}</li></ul>",
    '<span style="color: #333">{answer}</span>',
    "&quot;{first}&quot; {rest}",
    "<h2>{first}</h2>\n<p>{rest}</p>",
    "{first} &amp; {rest}",
    "<strong>{first}</strong><br>{rest}",
    "{first}&#39;s {rest}",
    '<a href="/wiki/page">{first}</a> {rest}',
    "<table><tr><td>{first}</td><td>{rest}</td></tr></table>",
    '<p class="lead">{first}</p><p>{rest}</p>',
    "{answer}</p>",
    '<font size="2">{answer}</font>',
    '<img src="a.png" alt="">{answer}',
    "{first}<sup>[1]</sup> {rest}",
    "&lt;p&gt;{answer}&lt;/p&gt;",
]
"""Pages as scrapers leave them; {first} and {rest} are the first three words and those after them."""

ODD_WORDS = {
    "en": [
        "the café’s",
        "it’s “fine” —",
        "naïve",
        "don’t",
        "Zürich…",
        "€5 –",
        "jalapeño",
        "Beyoncé’s",
    ],
    "zh": ["“好”", "——", "…", "《茶》"],
}
"""Words with the letters that a wrong encoding garbles."""

ENCODINGS = [
    ("utf-8", "cp1252"),
    ("utf-8", "latin-1"),
    ("utf-8", "cp1251"),
    ("utf-8", "ascii"),
    ("utf-8", "gb18030"),
    ("gb18030", "utf-8"),
    ("gb18030", "latin-1"),
    ("utf-8", "cp437"),
]
"""Encoding of a text, and the one it was read in."""

LOOPED = {
    "en": ["the ", "and so on ", "I am here to help. ", "Thank you. ", "1. ", "very, "],
    "zh": ["是的，", "的", "谢谢。", "我们可以看到，", "哈"],
}
"""Pieces that a model repeats; rows also repeat a sentence or a line of their own answer."""
