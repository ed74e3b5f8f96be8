"""A second set of faults, written by the same author before the rules were tried on it.

When it was written the author had not read the rules for refusals, merged turns, loops, copies and tokens in
that sitting; those for placeholders and HTML had been. The figures of the first run are in benchmarks/README.md;
the rules were widened by it afterwards, so that it is no test of them any more.
"""

from __future__ import annotations

FAULTS: dict[str, tuple[str, dict[str, list[str]]]] = {
    "refusal": (
        "refusal",
        {
            "en": [
                "I'm not comfortable answering that one.",
                "Sorry, that's something I have to pass on.",
                "I can't really help you there, I'm afraid.",
                "This falls outside what I'm permitted to talk about.",
                "Being an AI, I have no way of knowing that.",
                "I have no access to the internet, so I couldn't tell you.",
                "Let's talk about something else, please.",
                "My training data ends before that, so I don't know.",
                "I'm going to have to say no to this.",
                "As a chatbot, feelings are not something I have.",
                "No, I won't write that.",
                "I lack the capability to open files or images.",
                "For safety reasons this cannot be answered.",
                "It isn't possible for me to carry out this request.",
                "Unfortunately, providing this would violate our content policy.",
            ],
            "zh": [
                "这个我帮不了你。",
                "换个话题吧，这个我不能聊。",
                "我只是个聊天机器人，没法感受情绪。",
                "根据相关政策，该内容无法展示。",
                "我没有联网，查不到最新的信息。",
                "请恕我拒绝回答。",
                "这超出了我的能力范围。",
                "我不具备查看图片的功能。",
                "出于安全考虑，我不会提供这方面的内容。",
                "作为AI，我没有权限这样做。",
            ],
            "es": [
                "No me es posible atender esta petición.",
                "Al ser una inteligencia artificial, carezco de opiniones.",
            ],
            "de": [
                "Dazu kann ich leider nichts sagen.",
                "Als künstliche Intelligenz habe ich keinen Zugriff auf das Internet.",
            ],
            "fr": [
                "Il ne m'est pas possible de répondre à cela.",
                "Étant une IA, je n'éprouve pas d'émotions.",
            ],
            "ja": ["その件についてはお答えしかねます。", "私はAIですので、感情を持っていません。"],
            "pt": [
                "Não me é possível atender a este pedido.",
                "Por ser uma IA, não tenho sentimentos.",
            ],
            "ru": [
                "Я не вправе отвечать на такие вопросы.",
                "Будучи искусственным интеллектом, я не испытываю эмоций.",
            ],
            "ko": [
                "그 부분은 제가 답해 드리기 어렵습니다.",
                "저는 인공지능이라 감정을 느끼지 못합니다.",
            ],
        },
    ),
    "merged turns": (
        "merged_instructions",
        {
            "en": [
                "{answer}\n\nUser prompt: {question}\nModel output: {reply}",
                "{answer}\n\nInstruction 2: {question}\nResponse 2: {reply}",
                "{answer}\n\nPrompt: {question}\nCompletion: {reply}",
                "{answer}\n\n<user>{question}</user>\n<assistant>{reply}</assistant>",
                "{answer}\n\nStudent: {question}\nTutor: {reply}",
                "{answer}\n\nHuman: {question}\nGPT: {reply}",
                "{answer}\n\nCustomer: {question}\nAgent: {reply}",
                "<thinking>Let me see what is asked. {answer}",
                "{answer}\n\n2. Instruction: {question}\n2. Input: None\n2. Output: {reply}",
            ],
            "zh": [
                "{answer}\n\n用户提问：{question}\n模型回答：{reply}",
                "{answer}\n\n提问：{question}\n回复：{reply}",
                "{answer}\n\n学生：{question}\n老师：{reply}",
                "{answer}\n\nQ：{question}\nA：{reply}",
                "{answer}\n\n输入：{question}\n输出：{reply}",
            ],
        },
    ),
    "loop": (
        "repetition_loop",
        {
            "en": [
                "{short} " + piece * 25
                for piece in (
                    "so ",
                    "etc. ",
                    "and then ",
                    "Yes. ",
                    "I love it! ",
                    "ha",
                    "The end. ",
                )
            ],
            "zh": [
                "{short}" + piece * 25
                for piece in ("哈哈", "然后", "谢谢大家！", "好的，", "真的真的")
            ],
        },
    ),
    "special token": (
        "special_tokens",
        {
            "en": [
                "{answer}" + token
                for token in (
                    *("<|startoftext|>", "<|EOS|>", "<|sep|>", "<|turn>user", "[SYSTEM_PROMPT]"),
                    *("[AVAILABLE_TOOLS]", "<|tool_call|>", "<|Human|>", "<|bot|>", "<|eot|>"),
                    *("<|header_start|>assistant<|header_end|>", "<|plugin|>", "<mask>"),
                )
            ],
            "zh": ["{answer}<|endofturn|>", "<|assistant_end|>{answer}", "{answer}<|START|>"],
        },
    ),
    "copied prompt": (
        "copies_prompt",
        {
            code: [
                "The question is: {prompt}",
                "{prompt} {prompt}",
                "“{prompt}”",
                "Your request: {prompt}",
                "{prompt}\n\n---",
                "> {prompt}",
            ]
            for code in ("en", "zh")
        },
    ),
    "HTML": (
        "html",
        {
            code: [
                "<article>{answer}</article>",
                "<h1>{short}</h1>{answer}",
                "{answer}&nbsp;&nbsp;",
                "<blockquote>{answer}</blockquote>",
                "&lt;br /&gt;{answer}",
                "{answer}<hr>",
                "<p>{answer}",
                "{answer}&#8217;",
                "<em>{answer}</em>",
                "<section><p>{answer}</p></section>",
            ]
            for code in ("en", "zh")
        },
    ),
    "placeholder": (
        "placeholder_answer",
        {
            "en": [
                *("TBA.", "(to be filled in)", "<insert answer>", "No answer available"),
                *("-- none --", "Nothing to output", "**[Response]**", "N.A.", "See above"),
                *("not given", "[empty]", "Answer TBD", "FIXME", "<TODO>"),
            ],
            "zh": [
                "待完善",
                "（无）",
                "此处省略",
                "答案略",
                "暂时没有答案",
                "【待填】",
                "内容缺失",
            ],
        },
    ),
}
"""Kind → its rule, and templates by language. {question} and {reply} are those of another row."""

AGAIN: dict[str, tuple[str, dict[str, list[str]]]] = {
    "refusal": (
        "refusal",
        {
            "en": [
                "That's not a conversation I can have.",
                "I'd prefer not to go there.",
                "Regrettably, I cannot be of assistance with that.",
                "I don't think I should answer this.",
                "Respectfully, I decline.",
                "My guidelines prevent me from responding.",
                "I'm not programmed to have opinions on politics.",
                "This request has been flagged and cannot be processed.",
                "I wish I could help, but I can't access real-time data.",
                "I do not possess the ability to feel pain.",
                "You'd be better off asking a doctor; I can't give medical advice.",
                "Content of this nature is not something I produce.",
            ],
            "zh": [
                "这个话题我不方便讨论。",
                "我没有权限回答此类问题。",
                "很遗憾，我暂时不支持这个功能。",
                "我无法访问实时数据，请自行查询。",
                "此问题不在我的服务范围内。",
                "我被设计成不讨论这类内容。",
                "我不会帮你做这件事。",
                "作为人工智能，我体会不到疼痛。",
            ],
        },
    ),
    "refusal, later": (
        "refusal",
        {
            "en": [
                "This isn't a subject I feel able to cover.",
                "I have been told not to give out such details.",
                "Nope, can't do it.",
                "I've no view on that matter.",
                "That would be against the rules I follow.",
                "I only deal with cooking questions.",
                "It's best if I stay out of this one.",
                "My apologies; I was not built for this.",
            ],
            "zh": [
                "这件事我说不上来。",
                "我没学过这方面的知识。",
                "抱歉，这类话题不适合讨论。",
                "我的设定不允许我这样做。",
                "暂时没有办法帮到你。",
                "我只能回答与烹饪有关的问题。",
            ],
        },
    ),
    "merged turns": (
        "merged_instructions",
        {
            "en": [
                "{answer}\n\nNext question: {question}\nAnswer: {reply}",
                "{answer}\n\nUser query: {question}\nAI response: {reply}",
                "{answer}\n\n#### Question\n{question}\n#### Answer\n{reply}",
                "{answer}\n\nExample 2:\nInput: {question}\nOutput: {reply}",
            ],
            "zh": [
                "{answer}\n\n用户问题：{question}\nAI回答：{reply}",
                "{answer}\n\n题目：{question}\n答案：{reply}",
            ],
        },
    ),
    "placeholder": (
        "placeholder_answer",
        {
            "en": [
                *("[no answer]", "None provided", "TBC", "—", "Answer not found."),
                *("<empty>", "Insert text", "Pending"),
            ],
            "zh": ["暂无数据", "未填写", "同上", "空缺"],
        },
    ),
}
"""A third set, written after the rules were widened by the second; `later` after short answers were read."""
